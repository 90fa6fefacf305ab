# shellcheck shell=bash disable=SC2154 # cluster.sh and the other files set variables
# Sourced by cluster.sh: the nodes of a cluster, with containerd, kubelet and kube-proxy.

# segment_of NODE prints the segment that it is on, and host_of NODE what its addresses end in.
segment_of() { echo $(((${1#n} - 1) % segments + 1)); }
host_of() { echo $((10 + ${1#n})); }

# power_on NODE boots a node, and returns when it has its network.
power_on() {
	local folder=$SITE/$1 init
	mkdir -p "$folder"/{log,containerd}
	"${isolated[@]}" "$1" "$CLUSTER" --node "$1" >>"$folder/log/init.log" 2>&1 </dev/null &
	init=$!
	await 10 has_child "$init" || die "$1 does not start: $(tail "$folder/log/init.log")"
	has_child "$init" >"$folder/pid"
	# The node waits for its end of the cable, whose hardware address survives a power cut: neighbours know it.
	ip link add "$1" type veth peer name eth0 address "02:00:00:00:00:$(host_of "$1")" netns "$(<"$folder/pid")"
	ip link set "$1" master "lan$(segment_of "$1")" up
}

# has_child PID prints the process that `unshare` has made in the new namespaces.
has_child() {
	local child='' network
	read -r child _ <"/proc/$1/task/$1/children" || true # no newline ends it
	network=$(readlink "/proc/$child/ns/net") && [[ $network != "$(readlink /proc/self/ns/net)" ]] && echo "$child"
}

# power_off NODE ends all of a node's processes at once, and waits until the kernel has removed them.
power_off() {
	local pid
	pid=$(<"$SITE/$1/pid")
	kill -9 "$pid"
	await 30 gone "$pid"
	rm "$SITE/$1/pid"
	ip link del "$1" 2>/dev/null || true
	drop_cgroup "$1"
}

gone() { [[ ! -d /proc/$1 ]]; }

# on NODE COMMAND... goes on as that command on the node.
on() {
	local pid
	pid=$(<"$SITE/$1/pid")
	shift
	exec nsenter -t "$pid" -m -u -i -n -p -C -- "$@"
}

# load_everywhere ARCHIVE loads an image on all nodes that are up.
load_everywhere() {
	local pid
	for pid in "$SITE"/n*/pid; do
		(on "$(basename "$(dirname "$pid")")" ctr --namespace k8s.io image import "$1" >/dev/null)
	done
}

# node is process 1 of a node.
node() {
	local folder=$SITE/$1 image
	export logs=$folder/log
	hostname "$1"
	furnish_node "$folder" "$1"
	if [[ ! -e /etc/kubernetes ]]; then
		# What this machine has of such software is not the node's.
		rm -rf /etc/cni /opt/cni
		mkdir -p /etc/cni/net.d /etc/kubernetes/manifests /opt/cni/bin
	fi
	connect_node "$1"
	container_spec >/etc/containerd.json
	containerd_config >/etc/containerd.toml
	keep containerd containerd --config /etc/containerd.toml
	await 20 ctr version
	for image in "$KUBE_CACHE/busybox.tar" $IMAGES; do
		ctr --namespace k8s.io image import "$image" >/dev/null
	done
	kubelet_config >/etc/kubernetes/kubelet.yaml
	keep kubelet kubelet --config /etc/kubernetes/kubelet.yaml --kubeconfig "$SITE/$1.conf" --hostname-override "$1" \
		--node-ip "$(node_v4 "$1"),$(node_v6 "$1")" --v 2
	proxy_config "$1" >/etc/kubernetes/proxy.yaml
	keep kube-proxy kube-proxy --config /etc/kubernetes/proxy.yaml
	wait # and reap what containers leave
}

node_v4() { echo "${segment_v4[$(segment_of "$1")]}.$(host_of "$1")"; }
node_v6() { echo "${segment_v6[$(segment_of "$1")]}:$(host_of "$1")"; }

# furnish_node FOLDER NODE makes the node's mounts: what it writes to its disk is in FOLDER.
furnish_node() {
	mount_sys
	cover "$1" etc opt var
	mount -t tmpfs -o mode=755 tmpfs /run
	mkdir -p /run/lock /run/netns /run/kernel /var/lib/{cni,kubelet,containerd}
	mount --bind "$1/containerd" /var/lib/containerd
	mount --make-rshared /
	echo "127.0.0.1 localhost $2" >/etc/hosts
	printf '%032x\n' $((4096 + ${2#n})) >/etc/machine-id
	# Each boot has an id, by which the kubelet knows of it.
	show /proc/sys/kernel/random/boot_id "$(</proc/sys/kernel/random/uuid)"
	# The kubelet sets what no namespace holds: it shall find that done.
	show /proc/sys/vm/overcommit_memory 1
	show /proc/sys/vm/panic_on_oom 0
	show /proc/sys/kernel/panic 10
	show /proc/sys/kernel/panic_on_oops 1
	show /proc/sys/kernel/keys/root_maxkeys 1000000
	show /proc/sys/kernel/keys/root_maxbytes 25000000
}

# show FILE VALUE covers one of the kernel's files.
show() {
	local cover=/run/kernel/${1##*/}
	echo "$2" >"$cover"
	mount --bind "$cover" "$1"
}

connect_node() {
	local segment
	segment=$(segment_of "$1")
	ip link set lo up
	await 10 ip link show eth0
	ip link set eth0 up
	ip address add "$(node_v4 "$1")/24" dev eth0
	ip address add "$(node_v6 "$1")/64" dev eth0 nodad
	ip route add default via "${segment_v4[segment]}.1"
	ip route add default via "${segment_v6[segment]}:1"
	echo 1 >/proc/sys/net/ipv4/ip_forward
	echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
}

# container_spec prints what containers have unless their pod says otherwise. Their /proc is their own,
# and has to have the node's boot: by that the agent's repair tells containers that are there.
container_spec() {
	local id=sys/kernel/random/boot_id hook
	hook="{\"path\": \"$(command -v mount)\", \"args\": [\"mount\", \"--bind\", \"/proc/$id\", \"proc/$id\"]}"
	ctr oci spec | sed "1s|{|&\"hooks\": {\"createContainer\": [$hook]},|"
}

# An oom_score_adj below the daemon's own takes a capability that root may lack here.
containerd_config() {
	cat <<-END
		version = 3
		root = "/var/lib/containerd"
		state = "/run/containerd"
		[grpc]
		  address = "/run/containerd/containerd.sock"
		[metrics]
		  address = "127.0.0.1:1338"
		[plugins."io.containerd.internal.v1.opt"]
		  path = "/run/containerd/opt"
		[plugins."io.containerd.cri.v1.images"]
		  snapshotter = "overlayfs"
		  [plugins."io.containerd.cri.v1.images".pinned_images]
		    sandbox = "localhost/busybox:1"
		[plugins."io.containerd.cri.v1.runtime"]
		  restrict_oom_score_adj = true
		  disable_apparmor = true
		  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
		    runtime_type = "io.containerd.runc.v2"
		    base_runtime_spec = "/etc/containerd.json"
		  [plugins."io.containerd.cri.v1.runtime".cni]
		    bin_dirs = ["/opt/cni/bin"]
		    conf_dir = "/etc/cni/net.d"
	END
}

kubelet_config() {
	cat <<-END
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
		authorization: {mode: AlwaysAllow}
		containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
		staticPodPath: /etc/kubernetes/manifests
		volumePluginDir: /var/lib/kubelet/plugins
		cgroupDriver: cgroupfs
		failCgroupV1: false
		failSwapOn: false
		enforceNodeAllocatable: []
		localStorageCapacityIsolation: false
		evictionHard: {memory.available: 0%, nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%, imagefs.inodesFree: 0%}
		imageGCHighThresholdPercent: 100
		resolvConf: ""
		maxPods: 250
		kubeAPIQPS: 200
		kubeAPIBurst: 400
		eventRecordQPS: 0
	END
}

proxy_config() {
	cat <<-END
		apiVersion: kubeproxy.config.k8s.io/v1alpha1
		kind: KubeProxyConfiguration
		clientConnection: {kubeconfig: $SITE/proxy.conf}
		mode: $proxy
		clusterCIDR: $pod_ranges
		hostnameOverride: $1
		conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
	END
}
