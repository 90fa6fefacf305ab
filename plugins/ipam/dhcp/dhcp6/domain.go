package dhcp6

import (
	"errors"
	"fmt"
	"strings"
)

// maxName is the length of the longest domain name as text (RFC 1035, section
// 2.3.4).
const maxName = 253

var errDomains = errors.New("malformed list of domain names")

// parseDomains reads a list of domain names (RFC 1035, section 3.1), which here
// may not be compressed (RFC 8415, section 10): so no pointer can lead into a
// loop. Names end up in files of the container, so that only letters, digits,
// hyphens and underscores may be in them. With padded, zeros may follow
// (RFC 8106, section 5.2).
func parseDomains(data []byte, padded bool) ([]string, error) {
	var names []string
	var labels []string
	for len(data) > 0 {
		length := int(data[0])
		if length == 0 {
			if len(labels) == 0 {
				if padded {
					return names, onlyZeros(data)
				}
				return nil, errDomains
			}
			name := strings.Join(labels, ".")
			if len(name) > maxName {
				return nil, errDomains
			}
			names, labels, data = append(names, name), nil, data[1:]
			continue
		}
		if length > 63 || len(data) <= length || !isLabel(data[1:1+length]) {
			return nil, errDomains
		}
		labels = append(labels, string(data[1:1+length]))
		data = data[1+length:]
	}
	if len(labels) > 0 {
		return nil, fmt.Errorf("%w: the last has no end", errDomains)
	}
	return names, nil
}

func isLabel(label []byte) bool {
	for _, c := range label {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func onlyZeros(data []byte) error {
	for _, b := range data {
		if b != 0 {
			return errDomains
		}
	}
	return nil
}
