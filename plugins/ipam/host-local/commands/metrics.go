package commands

import (
	"fmt"
	"io"
	"math/big"
	"strings"
)

// metric is a gauge of pools.
type metric struct {
	name, help string
	of         func(Pool) *big.Int // nil if the pool has none
}

var metrics = []metric{
	{"cni_host_local_addresses", "Addresses that a range set can give out.", func(p Pool) *big.Int { return p.Size }},
	{"cni_host_local_addresses_used", "Addresses that containers have.", func(p Pool) *big.Int { return big.NewInt(p.Used) }},
	{"cni_host_local_addresses_free", "Addresses that nobody has.", func(p Pool) *big.Int { return p.Free }},
	{
		"cni_host_local_addresses_reserved", "Addresses from before the boot, for the same containers or when none is free.",
		func(p Pool) *big.Int { return big.NewInt(p.Reserved) },
	},
}

// printMetrics prints pools in the text format of Prometheus, 0.0.4, as node_exporter's
// textfile collector reads it. Of what is in no range set, the labels set and ranges are
// empty.
func printMetrics(w io.Writer, pools []Pool) error {
	label := strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
	var text strings.Builder
	for _, m := range metrics {
		fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %s gauge\n", m.name, m.help, m.name)
		for _, p := range pools {
			value := m.of(p)
			if value == nil {
				continue
			}
			var set string
			if p.Set != nil {
				set = fmt.Sprint(*p.Set)
			}
			fmt.Fprintf(&text, "%s{network=\"%s\",data_dir=\"%s\",set=\"%s\",ranges=\"%s\"} %s\n",
				m.name, label.Replace(p.Network), label.Replace(p.DataDir), set, p.Ranges, value)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}
