#!/usr/bin/env bash
# containerd does not notice a network configuration that is moved into its folder, or linked.
#
# containerd watches the folder, /etc/cni/net.d, and loads it anew after writes, removals and
# renames, but not after creations. A rename from another folder is a creation to inotify(7)
# and fsnotify where it ends, and so is link(2). So the careful ways to have a file appear as a
# whole, mv from a folder beside, or O_TMPFILE and linkat(2), leave the node without network
# until something else happens in the folder, or containerd starts anew. A file that is
# renamed within the folder is noticed, by the old name's going.
#
# It is so in 1.6.20 of Debian 12 and in 2.4.2; CONTAINERD names another executable than that in
# PATH.
set -euo pipefail

if [[ ${1-} != inside ]]; then
	self=$(readlink -f "$0")
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	cd "$work"
	mkdir client
cat >client/main.go <<'program'
// Prints whether the runtime's network is ready, after two seconds.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func main() {
	time.Sleep(2 * time.Second)
	c, err := grpc.NewClient("unix:///run/containerd.sock", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err == nil {
		var status *runtime.StatusResponse
		if status, err = runtime.NewRuntimeServiceClient(c).Status(context.Background(), &runtime.StatusRequest{}, grpc.WaitForReady(true)); err == nil {
			for _, condition := range status.Status.Conditions {
				if condition.Type == "NetworkReady" {
					fmt.Println(condition.Status)
				}
			}
			return
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
program
cat >client/go.mod <<'MODULE'
module finding

go 1.26.0

require (
	google.golang.org/grpc v1.85.0
	k8s.io/cri-api v0.37.2
)
MODULE
(cd client && export GOFLAGS=-mod=mod && go mod tidy 2>/dev/null && go build -o ../ready .)
	unshare --net --mount --pid --fork --kill-child --mount-proc "$self" inside
	exit
fi
mount -t tmpfs tmpfs /run
mkdir net.d beside bin
cat >config.toml <<config
version = 2
root = "$PWD/root"
state = "/run/containerd"
[grpc]
  address = "/run/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$PWD/opt"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$PWD/bin"
    conf_dir = "$PWD/net.d"
config
"${CONTAINERD:-containerd}" --version
"${CONTAINERD:-containerd}" --config config.toml >log 2>&1 &
daemon=$!
trap 'kill $daemon; wait $daemon 2>/dev/null || true' EXIT

changed=''
# expect READY WHAT: the network is to be that after what has happened, and then is taken away.
expect() {
	local got
	got=$(./ready)
	echo "network ready: $got, after the configuration was $2"
	[[ $got == "$1" ]] || changed=1
	echo >net.d/another-file
	echo "    and: $(./ready), after another file was written there"
	rm -f net.d/*
}
configuration='{"cniVersion": "1.0.0", "name": "net", "plugins": [{"type": "loopback"}]}'
[[ $(./ready) == false ]] || { echo "the network is ready without a configuration" >&2; exit 1; }
echo "$configuration" >net.d/10-net.conflist
expect true "written"
echo "$configuration" >net.d/10-net.tmp && mv net.d/10-net.tmp net.d/10-net.conflist
expect true "renamed within the folder"
echo "$configuration" >beside/10-net.conflist && mv beside/10-net.conflist net.d/
expect false "moved from a folder beside"
echo "$configuration" >beside/10-net.conflist && ln beside/10-net.conflist net.d/
expect false "linked"
[[ ! $changed ]] || { echo "changed: containerd notices what it did not" >&2; exit 1; }
