# shellcheck shell=bash disable=SC2154 # cluster.sh and the other files set variables
# Sourced by cluster.sh: the site of a cluster, with its segments, its control plane and the command.

readonly pod_ranges=10.244.0.0/16,fd00:10:244::/56 service_ranges=10.96.0.0/16,fd00:10:96::/112

# The networks of the segments, from 1 on: what an address begins with.
readonly segment_v4=('' 192.0.2 198.51.100) segment_v6=('' 2001:db8:1: 2001:db8:2:)

# site runs the command beside a control plane and nodes that have booted. They are not Ready before
# something installs a network.
site() {
	local node booting=() status=0
	export logs=$SITE/log PATH=$KUBE_CACHE/bin:$PATH KUBECONFIG=$SITE/admin.conf
	furnish_site
	write_identities
	start_control_plane
	for node in $(seq -f n%g "$nodes"); do
		power_on "$node" &
		booting+=($!)
	done
	wait "${booting[@]}"
	"$@" || status=$?
	exit "$status"
}

furnish_site() {
	local segment
	mount -t tmpfs -o mode=755 tmpfs "$SITE"
	mount_sys
	mkdir -p "$logs" "$SITE"/{identities,run,etcd}
	mount --bind "$SITE/run" /run
	mkdir -p /run/lock /run/netns
	hostname site
	ip link set lo up
	for segment in $(seq "$segments"); do
		ip link add "lan$segment" type bridge
		ip link set "lan$segment" up
		ip address add "${segment_v4[segment]}.1/24" dev "lan$segment"
		ip address add "${segment_v6[segment]}:1/64" dev "lan$segment" nodad
	done
	echo 1 >/proc/sys/net/ipv4/ip_forward
	echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
}

# write_identities makes keys, and a token and its configuration for the administrator, kube-proxy and
# each node.
write_identities() {
	local folder=$SITE/identities node
	{
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=kube-apiserver \
			-addext "subjectAltName=IP:192.0.2.1,IP:127.0.0.1,IP:10.96.0.1,IP:fd00:10:96::1,DNS:kubernetes.default.svc" \
			-keyout "$folder/api.key" -out "$folder/api.crt"
		openssl genrsa -out "$folder/accounts.key" 2048
		openssl rsa -in "$folder/accounts.key" -pubout -out "$folder/accounts.pub"
	} 2>"$folder/log"
	{
		echo 'admin,admin,admin,"system:masters"'
		echo 'proxy,system:kube-proxy,proxy'
		for node in n{1..9}; do
			echo "$node,system:node:$node,$node,\"system:nodes\""
			client_config "$node" >"$SITE/$node.conf"
		done
	} >"$folder/tokens.csv"
	client_config admin >"$SITE/admin.conf"
	client_config proxy >"$SITE/proxy.conf"
}

# client_config TOKEN prints how to reach the API server.
client_config() {
	cat <<-END
		apiVersion: v1
		kind: Config
		current-context: site
		contexts: [{name: site, context: {cluster: site, user: user}}]
		clusters: [{name: site, cluster: {server: "https://192.0.2.1:6443", certificate-authority: $SITE/identities/api.crt}}]
		users: [{name: user, user: {token: $1}}]
	END
}

start_control_plane() {
	local folder=$SITE/identities
	local controller_flags=(--kubeconfig "$SITE/admin.conf" --leader-elect=false --kube-api-qps 200 --kube-api-burst 400
		--allocate-node-cidrs --cluster-cidr "$pod_ranges" --node-cidr-mask-size-ipv4 "$mask"
		--service-cluster-ip-range "$service_ranges"
		--service-account-private-key-file "$folder/accounts.key" --root-ca-file "$folder/api.crt")
	keep etcd etcd --data-dir "$SITE/etcd" --logger zap --log-level warn
	keep kube-apiserver kube-apiserver --etcd-servers http://127.0.0.1:2379 --advertise-address 192.0.2.1 \
		--service-cluster-ip-range "$service_ranges" --authorization-mode Node,RBAC --allow-privileged \
		--token-auth-file "$folder/tokens.csv" --tls-cert-file "$folder/api.crt" --tls-private-key-file "$folder/api.key" \
		--service-account-issuer https://kubernetes.default.svc --service-account-key-file "$folder/accounts.pub" \
		--service-account-signing-key-file "$folder/accounts.key" --kubelet-preferred-address-types InternalIP
	await 90 kubectl get --raw /readyz || die "the API server is not ready: $(tail "$logs"/{etcd,kube-apiserver}.log)"
	keep kube-controller-manager kube-controller-manager --controllers '*,-node-ipam-controller' "${controller_flags[@]}"
	# Nodes get their ranges from a process of its own, so that a test can have them come late.
	keep node-ipam kube-controller-manager --controllers node-ipam-controller --secure-port 10258 "${controller_flags[@]}"
	keep kube-scheduler kube-scheduler --kubeconfig "$SITE/admin.conf" --leader-elect=false \
		--kube-api-qps 200 --kube-api-burst 400
}
