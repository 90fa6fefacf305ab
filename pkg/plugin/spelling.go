package plugin

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/schema"
)

// NameSlips tells of each key of a network configuration that conf, the plugin's
// struct for it, does not have, but that is one slip of the keyboard away from one that
// it has: what is ignored for its spelling would pass for a setting that was made.
// Other keys are other programs' affair.
func NameSlips(to io.Writer, stdin []byte, conf any) {
	known := keysOf(reflect.TypeOf(conf))
	for _, name := range []string{"cniVersion", "name", "type", "ipam", "dns", "capabilities", "args", "runtimeConfig", "prevResult"} {
		if _, ok := known.find(name); !ok {
			known = append(known, key{name, reflect.TypeFor[any]()})
		}
	}
	nameSlips(to, "", stdin, known)
}

// keys are what an object may have.
type keys []key

type key struct {
	name string
	kind reflect.Type
}

// find looks a key up as encoding/json does, which does not tell case apart.
func (k keys) find(name string) (key, bool) {
	i := slices.IndexFunc(k, func(k key) bool { return strings.EqualFold(k.name, name) })
	if i < 0 {
		return key{}, false
	}
	return k[i], true
}

// keysOf returns the keys of what is decoded into a type, none if that is no object of
// which the type says all.
func keysOf(t reflect.Type) keys {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil
	}
	var all, embedded keys // of one name, the outer one counts
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "":
			embedded = append(embedded, keysOf(f.Type)...)
		case !f.IsExported():
		case name == "":
			all = append(all, key{f.Name, f.Type})
		default:
			all = append(all, key{name, f.Type})
		}
	}
	return append(all, embedded...)
}

// nameSlips tells of the slips in an object, or in each of a list of them.
func nameSlips(to io.Writer, path string, text []byte, known keys) {
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) != nil {
		var list []json.RawMessage
		_ = json.Unmarshal(text, &list)
		for _, member := range list {
			nameSlips(to, path, member, known)
		}
		return
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if k, ok := known.find(name); ok {
			if inside := keysOf(k.kind); len(inside) > 0 {
				nameSlips(to, path+name+".", object[name], inside)
			}
			continue
		}
		i := slices.IndexFunc(known, func(k key) bool { return schema.IsSlip(strings.ToLower(name), strings.ToLower(k.name)) })
		if i >= 0 {
			fmt.Fprintf(to, "unknown key %q in the network configuration: is %q meant?\n", path+name, path+known[i].name)
		}
	}
}
