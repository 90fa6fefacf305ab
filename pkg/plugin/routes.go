package plugin

import (
	"errors"
	"fmt"
	"math"

	"github.com/containernetworking/cni/pkg/types"
)

// CheckRoutes returns an error that names the first route of a configuration or a result that the
// kernel cannot have as it stands there: without a destination or, in IPv4, with one that has bits
// beyond its prefix, with a gateway of the other family, or with a number that is cut when it is
// told to the kernel (struct rtmsg in linux/rtnetlink.h).
func CheckRoutes(routes []*types.Route) error {
	for i, r := range routes {
		if err := checkRoute(r); err != nil {
			return fmt.Errorf("routes[%d] %w", i, err)
		}
	}
	return nil
}

func checkRoute(r *types.Route) error {
	if r == nil || r.Dst.IP == nil {
		return errors.New("has no dst")
	}
	is4 := r.Dst.IP.To4() != nil
	switch {
	case is4 && !r.Dst.IP.Equal(r.Dst.IP.Mask(r.Dst.Mask)):
		return fmt.Errorf("has a dst with bits beyond its prefix: %v", &r.Dst)
	// An unspecified one of either family stands for none.
	case r.GW != nil && !r.GW.IsUnspecified() && is4 != (r.GW.To4() != nil):
		return fmt.Errorf("has a gw of another family than its dst: %v to %v", r.GW, &r.Dst)
	}
	for _, number := range []struct {
		key  string
		have *int
		most int64
	}{
		{"mtu", &r.MTU, math.MaxUint32},
		{"advmss", &r.AdvMSS, math.MaxUint32},
		{"priority", &r.Priority, math.MaxUint32},
		{"table", r.Table, math.MaxUint32},
		{"scope", r.Scope, math.MaxUint8},
	} {
		if number.have != nil && (*number.have < 0 || int64(*number.have) > number.most) {
			return fmt.Errorf("has %s %d, which is not from 0 to %d", number.key, *number.have, number.most)
		}
	}
	return nil
}
