#!/usr/bin/env bash
# whereabouts gives addresses of both families the one gateway that it knows.
#
# Its configuration may have ranges of IPv4 and of IPv6 (ipRanges), but one gateway. The result
# has that with each address, so that an IPv6 address comes with the gateway 10.0.0.254. Whoever
# takes ips[].gateway of a CNI result for one in the subnet of its address makes an address of a
# bridge of it, or a route, that the kernel refuses, or that nobody wants.
set -euo pipefail

readonly module=github.com/k8snetworkplumbingwg/whereabouts version=v0.9.2
work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
cd "$work"
export GOFLAGS=-mod=mod GOPATH=$work/go
mkdir server
cat >server/main.go <<'program'
// What whereabouts needs of an API server: objects are kept as they come, and a patch leaves
// them alone.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path"
	"sync"
)

func main() {
	var mu sync.Mutex
	kept := map[string]map[string]any{}
	answer := func(w http.ResponseWriter, status int, object any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(object)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		at := r.URL.Path
		switch object := kept[at]; {
		case r.Method == "POST", r.Method == "PUT":
			json.NewDecoder(r.Body).Decode(&object)
			meta := object["metadata"].(map[string]any)
			meta["resourceVersion"] = fmt.Sprint(len(kept) + 1)
			if r.Method == "POST" {
				at = path.Join(at, meta["name"].(string))
			}
			kept[at] = object
			answer(w, http.StatusOK, object)
		case object != nil:
			answer(w, http.StatusOK, object)
		case path.Base(at) == "ippools":
			answer(w, http.StatusOK, map[string]any{"kind": "IPPoolList", "apiVersion": "whereabouts.cni.cncf.io/v1alpha1", "items": []any{}})
		default:
			answer(w, http.StatusNotFound, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404})
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	panic(http.Serve(listener, nil))
}
program
go mod init example.com/finding 2>/dev/null
go get "$module/cmd@$version" 2>/dev/null
go build -o whereabouts "$module/cmd"
go build -o kept ./server
echo '{}' >defaults
cat >run <<'end'
ip link set lo up
./kept >address &
trap 'kill $!' EXIT
until [[ -s address ]]; do sleep 0.1; done
cat >kubeconfig <<conf
{"apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],
	"clusters": [{"name": "k", "cluster": {"server": "http://$(<address)"}}],
	"contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "default"}}]}
conf
CNI_COMMAND=ADD CNI_CONTAINERID=c CNI_NETNS=/none CNI_IFNAME=eth0 CNI_PATH=/none \
	CNI_ARGS='IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod' ./whereabouts 2>log <<conf || cat log >&2
{"cniVersion": "1.0.0", "name": "both", "type": "bridge", "ipam": {"type": "whereabouts",
	"kubernetes": {"kubeconfig": "$PWD/kubeconfig"}, "configuration_path": "$PWD/defaults",
	"ipRanges": [{"range": "10.0.0.0/24"}, {"range": "fd00::/64"}], "gateway": "10.0.0.254"}}
conf
end
result=$(unshare --net bash run)
ips=$(tr -d ' \t\n' <<<"$result" | sed -E 's/.*"ips":\[([^]]*)\].*/\1/')
echo "whereabouts $version, gateway 10.0.0.254, gives $ips"
[[ $ips == '{"address":"10.0.0.1/24","gateway":"10.0.0.254"},{"address":"fd00::1/64","gateway":"10.0.0.254"}' ]]
