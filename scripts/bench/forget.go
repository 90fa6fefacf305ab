package main

// forget removes what our plugins and others' make once for all attachments, so that the
// next one is the first: the bridge, tables of nftables, and the chains of iptables with
// the jumps to them.
func (v visit) forget() error {
	script := `
for table in "inet cni_plugins_masquerade" "inet cni_plugins_portmap" "inet cni_plugins_firewall" "bridge cni_plugins_spoof"; do
	# shellcheck disable=SC2086 # family and name
	nft delete table $table 2>/dev/null || true
done
for tool in iptables ip6tables; do
	for table in nat filter; do
		{
			echo "*$table"
			$tool-save -t $table | sed -n 's/^-A \([A-Z]*\) \(.*-j CNI-.*\)/-D \1 \2/p; s/^:\(CNI-[^ ]*\) .*/-F \1/p'
			$tool-save -t $table | sed -n 's/^:\(CNI-[^ ]*\) .*/-X \1/p'
			echo COMMIT
		} | $tool-restore --noflush
	done
done`
	if v.plugin == "bridge" {
		script += "\nip link delete cni0 2>/dev/null || true"
	}
	return command("sh", "-c", script).Run()
}
