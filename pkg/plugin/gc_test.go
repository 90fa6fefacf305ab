package plugin

import (
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/owner"
)

func TestValidAttachments(t *testing.T) {
	for name, c := range map[string]struct {
		conf string
		want []owner.Attachment
		code uint
	}{
		"two": {
			`{"name":"n","cni.dev/valid-attachments":[{"containerID":"a","ifname":"eth0"},{"containerID":"b","ifname":"net1"}]}`,
			[]owner.Attachment{{Network: "n", ContainerID: "a", IfName: "eth0"}, {Network: "n", ContainerID: "b", IfName: "net1"}}, 0,
		},
		"none":           {`{"name":"n","cni.dev/valid-attachments":[]}`, []owner.Attachment{}, 0},
		"null":           {`{"name":"n","cni.dev/valid-attachments":null}`, []owner.Attachment{}, 0},
		"no key":         {`{"name":"n"}`, nil, 0},
		"null entry":     {`{"name":"n","cni.dev/valid-attachments":[null]}`, nil, types.ErrInvalidNetworkConfig},
		"empty entry":    {`{"name":"n","cni.dev/valid-attachments":[{"containerID":"a","ifname":"eth0"},{}]}`, nil, types.ErrInvalidNetworkConfig},
		"no ifname":      {`{"name":"n","cni.dev/valid-attachments":[{"containerID":"a"}]}`, nil, types.ErrInvalidNetworkConfig},
		"no containerID": {`{"name":"n","cni.dev/valid-attachments":[{"ifname":"eth0"}]}`, nil, types.ErrInvalidNetworkConfig},
		"unknown keys":   {`{"name":"n","cni.dev/valid-attachments":[{"containerid":"a","interface":"eth0"}]}`, nil, types.ErrInvalidNetworkConfig},
		"wrong type":     {`{"name":"n","cni.dev/valid-attachments":{}}`, nil, types.ErrDecodingFailure},
		"no JSON":        {`{`, nil, types.ErrDecodingFailure},
	} {
		got, err := ValidAttachments([]byte(c.conf))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if (err == nil) != (c.code == 0) || err != nil && Code(err) != c.code {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
