package testutils

import (
	"fmt"
	"os"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
)

// TmpResolvConf writes dnsConf into a temporary file in the format of
// resolv.conf(5) and returns its path. The caller removes it.
func TmpResolvConf(dnsConf types.DNS) (string, error) {
	f, err := os.CreateTemp("", "cni_test_resolv.conf")
	if err != nil {
		return "", fmt.Errorf("make resolv.conf: %w", err)
	}
	_, err = f.WriteString(resolvConf(dnsConf))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		os.Remove(f.Name())
		return "", fmt.Errorf("write resolv.conf: %w", err)
	}
	return f.Name(), nil
}

func resolvConf(dns types.DNS) string {
	var text strings.Builder
	for _, server := range dns.Nameservers {
		fmt.Fprintf(&text, "nameserver %s\n", server)
	}
	if dns.Domain != "" {
		fmt.Fprintf(&text, "domain %s\n", dns.Domain)
	}
	if len(dns.Search) > 0 {
		fmt.Fprintf(&text, "search %s\n", strings.Join(dns.Search, " "))
	}
	if len(dns.Options) > 0 {
		fmt.Fprintf(&text, "options %s\n", strings.Join(dns.Options, " "))
	}
	return text.String()
}
