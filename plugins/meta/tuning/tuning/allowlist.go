package tuning

import (
	"errors"
	"io/fs"
	"regexp"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/unpolled"
)

// allowListPath is where the administrator of a node may restrict the sysctls.
const allowListPath = "/etc/cni/tuning/allowlist.conf"

// allowList has patterns of the names that are allowed, or is nil if all are.
type allowList []*regexp.Regexp

// readAllowList returns the node's list, nil if there is none.
func readAllowList() (allowList, error) {
	text, err := unpolled.ReadFile(allowListPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseAllowList(string(text))
}

// parseAllowList reads a regular expression in each line that is not blank.
func parseAllowList(text string) (allowList, error) {
	list := allowList{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		pattern, err := regexp.Compile(line)
		if err != nil {
			return nil, err
		}
		list = append(list, pattern)
	}
	return list, nil
}

// check returns an error unless a pattern matches a part of a name as it is
// written, or of that of the path that it stands for.
func (l allowList) check(name, path string) error {
	if l == nil {
		return nil
	}
	for _, pattern := range l {
		if pattern.MatchString(name) || pattern.MatchString(dotted(path)) {
			return nil
		}
	}
	return plugin.Errorf(types.ErrInvalidNetworkConfig,
		"Sysctl %s is not allowed. Only the following sysctls are allowed: %s", name, []*regexp.Regexp(l))
}
