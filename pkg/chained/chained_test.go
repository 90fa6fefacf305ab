package chained

import (
	"errors"
	"slices"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// fakeDriver has one key and remembers what it is asked to do.
type fakeDriver struct {
	Size int `json:"size"`

	calls *[]string
	err   error
}

func (d *fakeDriver) Validate() error {
	if d.Size < 0 {
		return errors.New("invalid size")
	}
	return nil
}

func (d *fakeDriver) call(what string) error {
	*d.calls = append(*d.calls, what)
	return d.err
}

func (d *fakeDriver) Add(a *Attachment) error {
	a.Undo(func() error { *d.calls = append(*d.calls, "undo"); return nil })
	return d.call("add " + a.Network + "/" + a.ContainerID + "/" + a.IfName)
}
func (d *fakeDriver) Check(*Attachment) error { return d.call("check") }
func (d *fakeDriver) Remove(a *Attachment) error {
	if a.Result == nil {
		return d.call("remove without a result")
	}
	return d.call("remove")
}
func (d *fakeDriver) Collect(network string, _ []owner.Attachment) error {
	return d.call("collect " + network)
}
func (d *fakeDriver) Available() error { return d.call("available") }

func TestVerbs(t *testing.T) {
	const result = `"prevResult": {"cniVersion": "1.1.0", "ips": []}`
	failure := errors.New("failure")
	for _, test := range []struct {
		verb, keys string
		fails      error
		calls      []string
		text       string
		code       uint
	}{
		{verb: "ADD", calls: nil, text: "must be chained", code: types.ErrInvalidNetworkConfig},
		{verb: "ADD", keys: `, "prevResult": 7`, text: "could not parse prevResult: json: cannot unmarshal number into Go value of type map[string]json.RawMessage", code: types.ErrDecodingFailure},
		{verb: "ADD", keys: `, "size": -1, ` + result, text: "invalid size", code: types.ErrInvalidNetworkConfig},
		{verb: "ADD", keys: `, ` + result, fails: failure, calls: []string{"add net/cid/eth0", "undo"}, text: "failure", code: types.ErrInternal},
		{verb: "CHECK", text: "required prevResult missing", code: types.ErrInvalidNetworkConfig},
		{verb: "CHECK", keys: `, ` + result, calls: []string{"check"}},
		{verb: "DEL", calls: []string{"remove without a result"}},
		{verb: "DEL", keys: `, "size": "x", "prevResult": 7`, calls: []string{"remove without a result"}},
		{verb: "DEL", keys: `, ` + result, calls: []string{"remove"}},
		{verb: "GC"},
		{verb: "GC", keys: `, "cni.dev/valid-attachments": []`, calls: []string{"collect net"}},
		{verb: "STATUS", calls: []string{"available"}},
		{verb: "STATUS", fails: failure, calls: []string{"available"}, text: "failure", code: types.ErrPluginNotAvailable},
		{verb: "STATUS", keys: `, "size": -1`, text: "invalid size", code: types.ErrInvalidNetworkConfig},
	} {
		var calls []string
		p := Kind{Name: "fake", Unchained: "must be chained", NewDriver: func() Driver { return &fakeDriver{calls: &calls, err: test.fails} }}.Plugin()
		verbs := map[string]func(*skel.CmdArgs) error{"ADD": p.Add, "CHECK": p.Check, "DEL": p.Del, "GC": p.GC, "STATUS": p.Status}
		err := verbs[test.verb](&skel.CmdArgs{
			ContainerID: "cid", IfName: "eth0",
			StdinData: []byte(`{"cniVersion": "1.1.0", "name": "net", "type": "fake"` + test.keys + `}`),
		})
		if !slices.Equal(calls, test.calls) {
			t.Errorf("%s %s: calls %q, want %q", test.verb, test.keys, calls, test.calls)
		}
		if (err == nil) != (test.text == "") || err != nil && (err.Error() != test.text || plugin.Code(err) != test.code) {
			t.Errorf("%s %s: error %v (%d), want %s (%d)", test.verb, test.keys, err, plugin.Code(err), test.text, test.code)
		}
	}
}
