// Package verdict tells differences that break an attachment from those that somebody
// may have made on purpose: a runtime takes a container whose CHECK fails for one
// without network.
package verdict

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// tuned is a difference that may be on purpose.
type tuned struct{ error }

func (t tuned) Unwrap() error { return t.error }

// Tuned marks a difference by which no packet goes astray and no promise of safety is
// broken.
func Tuned(difference error) error { return tuned{difference} }

// Conf is the part of a configuration that says which differences a CHECK fails for.
type Conf struct {
	// StrictCheck makes CHECK fail for what may be different on purpose, too.
	StrictCheck bool `json:"strictCheck"`
}

// Of returns those of a CHECK's differences, joined by plugin.Join, that make it fail: all
// but those that are Tuned, which standard error names. With "strictCheck" in the
// configuration these do, too.
func Of(config []byte, differences error) error {
	var conf Conf
	if _ = json.Unmarshal(config, &conf); conf.StrictCheck {
		return differences
	}
	return broken(differences)
}

func broken(differences error) error {
	if !errors.As(differences, new(tuned)) {
		return differences
	}
	joined, ok := differences.(interface{ Unwrap() []error })
	if !ok {
		fmt.Fprintf(os.Stderr, "tolerated, without strictCheck: %v\n", differences)
		return nil
	}
	var all []error
	for _, err := range joined.Unwrap() {
		all = append(all, broken(err))
	}
	return plugin.Join(all...)
}
