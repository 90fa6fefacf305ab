#!/usr/bin/env bash
# qemu.sh -k VERSION [OPTION]... [--] COMMAND [ARGUMENT]...
#
# Runs COMMAND as root on a kernel of Debian's, 6.1 or 6.12, under QEMU without acceleration, as
# scripts/uml.sh does on User-mode Linux: over this machine's own file system, in the current directory
# and with the current environment. What the guest writes is gone when it ends, except in directories
# shared by -s. The kernel comes from Debian's archive the first time. Processors are some
# nine times slower than this machine's.
#
#   -c NUMBER   processors of the guest (2)
#   -k VERSION  6.1 or 6.12
#   -m SIZE     memory of the guest (2G)
#   -n MODEL    give the guest a network card (virtio, e1000, or another one that QEMU has); may be
#               repeated. All cards are on one cable, which leads nowhere else.
#   -s DIR      share DIR with the guest, writable; may be repeated
#   -t SECONDS  stop the guest after that time (600)
#   -v          tell which kernel modules are missing, and show the guest's console
#
# Exit status 124: time is up. 125: the guest ended without running COMMAND to its end.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/guest/lib.sh
source "$repo/scripts/guest/lib.sh"
# shellcheck source=scripts/guest/kernel.sh
source "$repo/scripts/guest/kernel.sh"

version=
processors=2
cards=()

# boot runs the guest until it halts. Its files, and through those the command's output, come from a
# daemon beside it.
boot() {
	local daemon follower devices=()
	start_daemon
	mkdir "$run/first"
	cp "$repo/scripts/guest/qemu-init" "$run/first/init"
	chmod 755 "$run/first/init"
	{ cat "$folder/initramfs" && pack "$run/first"; } >"$run/initramfs"
	: >"$run/stdout"
	: >"$run/stderr"
	make_devices
	timeout --kill-after=5 "$seconds" qemu-system-x86_64 \
		-accel tcg,thread=multi -machine q35 -cpu max -smp "$processors" -m "$memory" \
		-object memory-backend-memfd,id=memory,size="$memory",share=on -numa node,memdev=memory \
		-kernel "$folder/vmlinuz" -initrd "$run/initramfs" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off GUEST=$run" \
		-nodefaults -display none -no-reboot -serial "file:$run/console" \
		-chardev socket,id=files,path="$run/files" -device vhost-user-fs-pci,chardev=files,tag=root \
		"${devices[@]}" </dev/null >"$run/qemu" 2>&1 &
	guest=$!
	follow stdout &
	follower=$!
	follow stderr >&2 &
	await_guest
	wait "$follower" "$!"
	kill "$daemon" 2>/dev/null || true
	cat "$run/qemu" >>"$run/console"
}

# start_daemon starts virtiofsd, and returns when it listens.
start_daemon() {
	local path
	for path in /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd ''; do
		[[ ! -x $path ]] || break
	done
	"$path" --socket-path="$run/files" -o source=/ -o sandbox=chroot -o cache=always --rlimit-nofile=0 >"$run/daemon" 2>&1 &
	daemon=$!
	until [[ -S $run/files ]]; do
		kill -0 "$daemon" 2>/dev/null || die "virtiofsd: $(<"$run/daemon")"
		sleep 0.02
	done
}

# make_devices sets devices to the options of QEMU that make the network cards.
make_devices() {
	local i model
	for i in "${!cards[@]}"; do
		model=${cards[i]}
		[[ $model != virtio ]] || model=virtio-net-pci
		devices+=(-netdev "hubport,id=cable$i,hubid=0" -device "$model,netdev=cable$i")
	done
}

# follow prints a file while the guest writes to it.
follow() {
	tail -c +1 -s 0.1 -f --pid="$guest" "$run/$1"
}

while getopts :c:k:m:n:s:t:vh option; do
	case $option in
	c) processors=$OPTARG ;;
	k) version=$OPTARG ;;
	n) cards+=("$OPTARG") ;;
	*) guest_option "$option" ;;
	esac
done
shift $((OPTIND - 1))
(($# > 0)) || usage 2
[[ $version ]] || usage 2
need_root "virtiofsd hands on all files"
command -v qemu-system-x86_64 >/dev/null || die "QEMU is not installed (Debian: qemu-system-x86)"

get_kernel "$version"
folder=$(kernel_folder "$version")
prepare_guest qemu "$folder/lib/modules" "$@"
boot
report
