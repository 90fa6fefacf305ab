package plugin

import (
	"encoding/json"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/pkg/owner"
)

// ValidAttachments returns the attachments that a GC must leave alone: those of
// the key "cni.dev/valid-attachments" (CNI specification 1.1, section 2, "GC").
// Without that key the result is nil, and GC does nothing: the runtime has sent
// no list, which is no order to delete everything. An empty list is one, and so
// is null. A list with an entry that names no attachment is an error with code 7:
// what it leaves out may be alive.
func ValidAttachments(stdin []byte) ([]owner.Attachment, error) {
	var conf struct {
		Name  string          `json:"name"`
		Valid json.RawMessage `json:"cni.dev/valid-attachments"`
	}
	if err := json.Unmarshal(stdin, &conf); err != nil {
		return nil, Errorf(types.ErrDecodingFailure, "failed to load netconf: %w", err)
	}
	if conf.Valid == nil {
		return nil, nil
	}
	var listed []types.GCAttachment
	if err := json.Unmarshal(conf.Valid, &listed); err != nil {
		return nil, Errorf(types.ErrDecodingFailure, "read cni.dev/valid-attachments: %w", err)
	}
	valid := make([]owner.Attachment, len(listed))
	for i, a := range listed {
		if a.ContainerID == "" || a.IfName == "" {
			return nil, Errorf(types.ErrInvalidNetworkConfig, "cni.dev/valid-attachments[%d] lacks containerID or ifname", i)
		}
		valid[i] = owner.Attachment{Network: conf.Name, ContainerID: a.ContainerID, IfName: a.IfName}
	}
	return valid, nil
}
