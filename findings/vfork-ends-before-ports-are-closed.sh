#!/usr/bin/env bash
# A UDP port is still in use after its only socket was closed, if a process was started before.
#
# posix_spawn(3), as vfork(2), lets the caller go on when the new process "executes". A socket with
# close-on-exec (as all of Python's and Go's) that the caller closes from then on should be gone, and
# its port free. But execve(2) lets the caller go on when it has given up its memory, and closes
# files only afterwards, one after the other: the more files the caller has, the longer its ports
# stay in use. With 4,000, as a daemon of a large node has, the port of DHCPv6's clients was in use
# after 8 or 9 of 10 starts, for up to 0.4 s, on Linux 6.18 with 2 processors; with few files now
# and then. A lock around starting and closing, as syscall.ForkLock of Go, therefore helps less than
# it promises: who binds a port again right away has to share it (SO_REUSEADDR), or to try more than once.
set -euo pipefail

if [[ ! ${root-} ]]; then # once to unpack, and then in a network of its own
	script=$(realpath "$0")
	root=$(mktemp -d)
	trap 'rm -rf "$root"' EXIT
	cd "$root"
	apt-get -qq -o APT::Sandbox::User=root download python3.11-minimal=3.11.2-6+deb12u9 libpython3.11-minimal=3.11.2-6+deb12u9
	for package in *.deb; do dpkg-deb -x "$package" .; done
	root=$root unshare --net bash "$script"
	exit
fi
ip link set lo up
ulimit -n 5000

echo "Linux $(uname -r), $(nproc) processors, $(cd "$root" && ls python3.11-minimal_*)"
PYTHONHOME=$root/usr "$root/usr/bin/python3.11" -S - <<'END'
import errno, os, socket, sys, time

def bound():
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    start = time.monotonic()
    while True:
        try:
            s.bind(("::1", 546))
            return s, time.monotonic() - start
        except OSError as e:
            if e.errno != errno.EADDRINUSE:
                raise
            taken.append(start)

for files in 0, 4000:
    many = [os.open("/dev/null", os.O_RDONLY) for _ in range(files)]
    waits = []
    for _ in range(300):
        s, _ = bound()
        assert not os.get_inheritable(s.fileno())
        child = os.posix_spawn("/bin/true", ["true"], {})
        s.close()
        taken = []
        s, wait = bound()
        s.close()
        os.waitpid(child, 0)
        if taken:
            waits.append(wait)
    print(f"beside {files} files, of 300 times in use: {len(waits)}, for up to {1000 * max(waits, default=0):.2f} ms")
if len(waits) < 30:
    sys.exit("changed: the port is free")
END
