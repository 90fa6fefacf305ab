package link

import "github.com/containernetworking/plugins/pkg/ns"

// Cookie returns the namespace's number: see [ns.Cookie].
func (n *Namespace) Cookie() (cookie uint64, err error) {
	err = n.Do(func() error {
		cookie, err = ns.Cookie(n.NetNS)
		return err
	})
	return cookie, err
}
