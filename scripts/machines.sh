# shellcheck shell=bash disable=SC2034 # other scripts use variables
# Sourced by the scripts that make machines within this one: namespaces, mounts, and control groups of
# either version.

readonly cgroups=/sys/fs/cgroup

only_version_2() {
	[[ $(stat -f -c %T "$cgroups") == cgroup2fs ]]
}

# hierarchies prints the folder of each hierarchy: one, or with version 1 one for each controller.
hierarchies() {
	if only_version_2; then
		echo "$cgroups"
	else
		find "$cgroups" -mindepth 1 -maxdepth 1 -type d
	fi
}

# join_cgroup NAME moves the calling process to a group in each hierarchy, and makes it.
join_cgroup() {
	local hierarchy
	while read -r hierarchy; do
		make_cgroup "$hierarchy" "$1"
		echo "$BASHPID" >"$hierarchy/$1/cgroup.procs"
	done < <(hierarchies)
}

# make_cgroup HIERARCHY NAME makes a group that can be divided further. With version 1 a set of processors
# is empty at first, with version 2 a group has no controllers.
make_cgroup() {
	local folder=$1/$2 file controller
	if only_version_2; then
		for controller in $(<"$1/cgroup.controllers"); do
			echo "+$controller" >"$1/cgroup.subtree_control"
		done
	fi
	mkdir -p "$folder"
	[[ $1 == */cpuset ]] || return 0
	for file in cpuset.cpus cpuset.mems; do
		cat "$1/$file" >"$folder/$file"
	done
	echo 1 >"$folder/cgroup.clone_children"
}

# drop_cgroup NAME removes a group, and those below it, as soon as the kernel has ended their processes.
drop_cgroup() {
	local hierarchy left
	for _ in {1..50}; do
		left=
		while read -r hierarchy; do
			[[ ! -d $hierarchy/$1 ]] || find "$hierarchy/$1" -depth -type d -exec rmdir {} + 2>/dev/null || left=1
		done < <(hierarchies)
		[[ $left ]] || return 0
		sleep 0.2
	done
}

# mount_sys mounts /sys anew, as the namespaces of the caller see it: its network, and its own group as
# the top of the control groups.
mount_sys() {
	local name names
	if only_version_2; then
		mount -t sysfs sysfs /sys
		mount -t cgroup2 cgroup2 "$cgroups"
		mkdir -p "$cgroups/init"
		echo 0 >"$cgroups/init/cgroup.procs" # only a group without processes can be divided
		return
	fi
	mapfile -t names < <(hierarchies)
	mount -t sysfs sysfs /sys
	mount -t tmpfs -o mode=755 tmpfs "$cgroups"
	for name in "${names[@]##*/}"; do
		mkdir "$cgroups/$name"
		case $name in
		unified) mount -t cgroup2 cgroup2 "$cgroups/$name" ;;
		systemd) mount -t cgroup -o none,name=systemd cgroup "$cgroups/$name" ;;
		*) mount -t cgroup -o "$name" cgroup "$cgroups/$name" ;;
		esac
	done
}

# cover DIR FOLDER... mounts over each top folder what is written to it, which goes to DIR.
cover() {
	local dir=$1 folder
	shift
	for folder in "$@"; do
		mkdir -p "$dir/$folder" "$dir/work/$folder"
		mount -t overlay -o "lowerdir=/$folder,upperdir=$dir/$folder,workdir=$dir/work/$folder" overlay "/$folder"
	done
}

# What runs a command as process 1 of new namespaces, which end with it, in a control group of a name:
# "${isolated[@]}" NAME COMMAND... No other process is in the group, so that it can be divided with
# version 2: not even unshare, which waits.
# shellcheck disable=SC2016 # the inner shell expands
readonly isolated=(unshare --net --mount --pid --ipc --uts --fork --kill-child --mount-proc
	--propagation private bash -euc 'source "$1" && join_cgroup "$2" && exec unshare --cgroup "${@:3}"'
	bash "${BASH_SOURCE[0]}")

# What kills a command when its parent ends.
readonly bound=(setpriv --pdeathsig KILL)
