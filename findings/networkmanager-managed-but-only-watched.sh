#!/usr/bin/env bash
# NetworkManager writes managed=true of a device that it only watches.
#
# /run/NetworkManager/devices has a file for each interface, by its index, and that of a bridge
# which somebody else made and configured says managed=true and names a profile, as that of a
# device which NetworkManager has set up does. What tells them apart is in the profile, which
# NetworkManager made up to describe what it found: external=true. nmcli calls the one
# "connected (externally)", and NetworkManager does nothing to it; it takes the other one out of
# its bridge. So whoever reads the first file alone takes every bridge of a container host for
# taken over.
set -euo pipefail

if [[ ! ${root-} ]]; then # once to unpack, and then in namespaces of its own
	script=$(realpath "$0")
	root=$(mktemp -d)
	trap 'rm -rf "$root"' EXIT
	cd "$root"
	apt-get -qq -o APT::Sandbox::User=root download network-manager=1.42.4-1+deb12u1 libnm0=1.42.4-1+deb12u1 \
		dbus-daemon=1.14.10-1~deb12u1 libdbus-1-3=1.14.10-1~deb12u1 iproute2=6.1.0-3 \
		libapparmor1 libexpat1 libbpf1 libelf1 libmnl0 libglib2.0-0 libndp0 libpsl5 libcurl3-gnutls libbrotli1 libldap-2.5-0 \
		libnghttp2-14 librtmp1 libsasl2-2 libssh2-1 libssl3 libgssapi-krb5-2 libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0
	for package in *.deb; do dpkg-deb -x "$package" .; done
	root=$root unshare --net --mount --pid --fork --kill-child bash "$script"
	exit
fi
libraries=$root/usr/lib/$(uname -m)-linux-gnu
export PATH=$root/usr/sbin:$root/usr/bin:$root/sbin:$PATH LD_LIBRARY_PATH=$libraries:${libraries/usr\//}
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/bus
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
[[ ! -d /var/lib/NetworkManager ]] || mount -t tmpfs tmpfs /var/lib/NetworkManager
mount -t sysfs -o ro sysfs /sys # which cannot be written to: then it does not wait for udev
mkdir /run/empty
cat >/run/bus.conf <<E
<busconfig><type>system</type><listen>$DBUS_SYSTEM_BUS_ADDRESS</listen>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="*"/><allow receive_type="*"/></policy></busconfig>
E
printf '[main]\nno-auto-default=*\n[keyfile]\npath=/run/profiles\n' >/run/nm.conf

# awaited STATE waits until nmcli tells that of the device $1.
awaited() {
	for _ in {1..200}; do
		[[ $(nmcli -g DEVICE,STATE device 2>/dev/null) != *"$1:$2"* ]] || return 0
		sleep 0.1
	done
	echo "$1 is not $2" >&2
	return 1
}

# told DEVICE prints what the device's file says, and whether its profile is external.
told() {
	local file profile
	file=/run/NetworkManager/devices/$(<"/sys/class/net/$1/ifindex")
	profile=$(sed -n 's/^connection-uuid=//p' "$file")
	echo "$(grep ^managed= "$file") $(grep -lr "^uuid=$profile$" /run/NetworkManager/system-connections /run/profiles | xargs -d '\n' grep -h ^external= || echo external=false)"
}

ip link set lo up
for n in 1 2; do
	ip link add "br$n" type bridge
	ip link add "veth$n" type veth peer name "peer$n"
	ip address add "10.0.$n.1/24" dev "br$n"
	ip link set "br$n" up
	ip link set "veth$n" up master "br$n"
	ip link set "peer$n" up
done
dbus-daemon --config-file=/run/bus.conf --nofork --nopidfile 2>/dev/null &
until [[ -S /run/bus ]]; do sleep 0.1; done
NetworkManager --no-daemon --config=/run/nm.conf --config-dir=/run/empty --system-config-dir=/run/empty \
	--state-file=/run/state --intern-config=/run/intern.conf 2>/dev/null &
awaited br1 'connected (externally)'
awaited veth2 'connected (externally)'
nmcli connection add type ethernet con-name taken ifname veth2 ipv4.method disabled ipv6.method disabled >/dev/null
nmcli connection up taken >/dev/null
awaited veth2 connected

watched=$(told br1) taken=$(told veth2)
master=$([[ -e /sys/class/net/veth2/master ]] && echo "a port" || echo "no port any longer")
NetworkManager --version | sed 's/^/NetworkManager /'
echo "br1, which it only watches: $watched"
echo "veth2, which it has set up: $taken, $master"
[[ $watched == "managed=true external=true" && $taken == "managed=true external=false" && $master == no* ]] ||
	{ echo "changed" >&2; exit 1; }
