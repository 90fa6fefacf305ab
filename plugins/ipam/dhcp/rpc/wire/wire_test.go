package wire

import (
	"bufio"
	"bytes"
	"encoding/gob"
	"net"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"
)

type everything struct {
	Text    string
	Flag    bool
	Small   int8
	Large   int64
	Count   uint32
	Bytes   []byte
	Pointer *int
	List    []string
	Structs []*inner
	Inner   inner
}

type inner struct {
	A, B int
	C    string
}

func samples() []any {
	scope, table := 253, 100
	return []any{
		&everything{},
		&everything{
			Text: "x", Flag: true, Small: -3, Large: -1 << 62, Count: 1 << 31, Bytes: []byte{0, 1, 255}, Pointer: &scope,
			List: []string{"", "a", string(make([]byte, 300))}, Structs: []*inner{{1, 0, "c"}, {}}, Inner: inner{B: 127},
		},
		&skel.CmdArgs{ContainerID: "c", Netns: "/run/netns/x", IfName: "eth0", StdinData: []byte(`{"name":"n"}`)},
		&current.Result{
			CNIVersion: "1.0.0",
			Interfaces: []*current.Interface{{Name: "eth0", Mtu: 1400}},
			IPs:        []*current.IPConfig{{Address: net.IPNet{IP: net.IP{10, 0, 0, 1}, Mask: net.CIDRMask(24, 32)}, Gateway: net.IP{10, 0, 0, 2}}},
			Routes: []*types.Route{
				{Dst: net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}, GW: net.IP{10, 0, 0, 2}, Priority: 5, Scope: &scope, Table: &table},
			},
			DNS: types.DNS{Nameservers: []string{"10.0.0.53"}, Domain: "example.test", Search: []string{"a", "b"}},
		},
		&struct{}{},
	}
}

// fresh returns an empty value of the type of a sample.
func fresh(sample any) any {
	switch sample.(type) {
	case *everything:
		return new(everything)
	case *skel.CmdArgs:
		return new(skel.CmdArgs)
	case *current.Result:
		return new(current.Result)
	}
	return new(struct{})
}

// What one side writes, the other reads, several values to a stream.
func TestSameAsGob(t *testing.T) {
	var ours, theirs bytes.Buffer
	encoder, reference := NewEncoder(&ours), gob.NewEncoder(&theirs)
	for _, sample := range samples() {
		if err := encoder.Encode(sample); err != nil {
			t.Fatal(err)
		}
		if err := reference.Encode(sample); err != nil {
			t.Fatal(err)
		}
	}
	decoder, referenceDecoder := NewDecoder(bufio.NewReader(&theirs)), gob.NewDecoder(&ours)
	for _, sample := range samples() {
		for name, decode := range map[string]func(any) error{"we read": decoder.Decode, "gob reads": referenceDecoder.Decode} {
			got := fresh(sample)
			if err := decode(got); err != nil {
				t.Fatalf("%s %T: %v", name, sample, err)
			}
			if diff := cmp.Diff(sample, got); diff != "" {
				t.Errorf("%s %T:\n%s", name, sample, diff)
			}
		}
	}
}

type surplus struct {
	Before  map[string][]float64
	Text    string
	Between complex128
	Array   [2]uint16
	Numbers []float64
	At      net.Addr
	Small   int8
}

// Fields that we do not have are skipped, whatever they are; so are values.
func TestSkip(t *testing.T) {
	var stream bytes.Buffer
	e := gob.NewEncoder(&stream)
	value := surplus{
		Before: map[string][]float64{"a": {1, 2.5}}, Text: "x", Between: 1 + 2i, Array: [2]uint16{3, 4},
		Numbers: []float64{1e9}, Small: 5,
	}
	for _, v := range []any{value, []string{"a"}, value} {
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	d := NewDecoder(bufio.NewReader(&stream))
	for _, into := range []any{nil, nil, new(everything)} {
		if err := d.Decode(into); err != nil {
			t.Fatal(err)
		}
		if got, ok := into.(*everything); ok {
			if diff := cmp.Diff(&everything{Text: "x", Small: 5}, got); diff != "" {
				t.Error(diff)
			}
		}
	}
}

func TestUnsupported(t *testing.T) {
	for _, v := range []any{5, struct{ F float64 }{}, struct{ M map[string]int }{}} {
		if err := NewEncoder(new(bytes.Buffer)).Encode(v); err == nil {
			t.Errorf("%T: no error", v)
		}
	}
}

// Whatever comes, decoding ends, and in nothing worse than an error.
func FuzzDecode(f *testing.F) {
	for _, sample := range samples() {
		var stream bytes.Buffer
		if err := gob.NewEncoder(&stream).Encode(sample); err != nil {
			f.Fatal(err)
		}
		f.Add(stream.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, into := range []any{new(everything), new(current.Result), nil} {
			_ = NewDecoder(bufio.NewReader(bytes.NewReader(data))).Decode(into)
		}
	})
}
