# shellcheck shell=bash
# Sourced by qemu.sh: Debian's kernels. Wants lib.sh sourced before.

readonly kernel_versions="6.1 6.12"

# debian_with prints the release of Debian that has a version of Linux.
debian_with() {
	case $1 in
	6.1) echo bookworm ;;
	6.12) echo trixie ;;
	*) die "there is no Linux $1, only: $kernel_versions" ;;
	esac
}

# What the kernel needs to see the host's files.
readonly boot_modules=(virtio_pci virtiofs overlay)

# kernel_folder prints the folder of a version's kernel: vmlinuz, lib/modules, and initramfs, which has
# busybox and the drivers to begin with.
kernel_folder() {
	echo "${XDG_CACHE_HOME:-$HOME/.cache}/cni-plugins/kernel-$1"
}

# get_kernel gets a version from Debian's archive, unless an earlier call has. Nothing is installed, and
# what the machine's own apt knows stays as it is.
get_kernel() (
	version=$1 to=$(kernel_folder "$1") debian=$(debian_with "$1")
	[[ ! -e $to ]] || exit 0
	printf '\nGetting Linux %s of Debian (%s)\n' "$version" "$debian" >&2
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	cd "$work" || exit
	ask_debian "$debian"
	package=$(apt-cache depends linux-image-amd64 | awk -v name="linux-image-$version." '
		$1 == "Depends:" && index($2, name) == 1 { print $2 }')
	[[ $package ]] || die "Debian's $debian has no linux-image-$version"
	apt-get download -qq "$package"
	dpkg -x "$package"_*.deb root
	mkdir -p kernel/lib
	mv root/boot/vmlinuz-* kernel/vmlinuz
	mv root/lib/modules kernel/lib 2>/dev/null || mv root/usr/lib/modules kernel/lib
	depmod -b kernel "$(ls kernel/lib/modules)"
	make_initramfs kernel
	mkdir -p "${to%/*}"
	mv kernel "$to"
)

# ask_debian has apt-get and apt-cache know a release of Debian and nothing else, in this directory.
ask_debian() {
	local mirror
	# shellcheck disable=SC2016 # apt's
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
	[[ $mirror ]] || die "apt knows no mirror of Debian: run apt-get update"
	mkdir -p lists/partial archives/partial
	: >status
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" >sources.list
	cat >apt.conf <<-END
		Dir::Etc::SourceList "$PWD/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Dir::State::Lists "$PWD/lists";
		Dir::State::Status "$PWD/status";
		Dir::Cache "$PWD";
		APT::Sandbox::User "root";
	END
	export APT_CONFIG=$PWD/apt.conf
	apt-get update -qq
}

# make_initramfs packs what there is before the host's files are.
make_initramfs() {
	local module path name
	rm -rf root
	mkdir -p root/bin root/drivers
	cp "$(command -v busybox)" root/bin/busybox
	for module in "${boot_modules[@]}"; do
		modprobe -d "$1" -S "$(ls "$1/lib/modules")" --show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
		while read -r path; do
			name=${path##*/}
			if [[ $name == *.xz ]]; then
				name=${name%.xz}
				xz -dc "$path" >"root/drivers/$name"
			else
				cp "$path" root/drivers/
			fi
			echo "$name" >>root/drivers/order
		done
	pack root >"$1/initramfs"
}

# pack prints a folder as the kernel wants it.
pack() {
	(cd "$1" && find . | busybox cpio -o -H newc 2>/dev/null)
}
