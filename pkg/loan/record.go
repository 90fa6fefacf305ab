package loan

import (
	"path/filepath"
	"strings"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
)

// directory has a record for each device that a container has. Like the devices'
// places it does not survive a reboot.
const directory = "/run/cni/host-device"

// recordSuffix ends the names of records. Before it they have the prefix of the
// attachment and the name of the device, so that both find them.
const recordSuffix = ".json"

// Holdings returns the devices that are lent.
func Holdings([]owner.Attachment) ([]plugin.Holding, error) {
	loans, err := All()
	var found []plugin.Holding
	for _, l := range loans {
		found = append(found, plugin.Holding{Attachment: l.Attachment, Kind: "device", What: l.Device.Name + " of the host"})
	}
	return found, err
}

// Downgrade is the command that forgets all loans: a device that a container has tells
// its name on the host itself, which is all that upstream's DEL needs.
func Downgrade(args []string) error {
	return plugin.Forget(filepath.Join(directory, "*"+recordSuffix), args)
}

// Writable returns an error if no loan can be noted.
func Writable() error { return record.Writable(directory) }

func (l *Loan) path() string {
	return filepath.Join(directory, l.Prefix()+"@"+l.Device.Name+recordSuffix)
}

// save needs no lock: whoever has the attachment is alone with it.
func (l *Loan) save() error { return record.Save(l.path(), l) }

// All returns all loans.
func All() ([]*Loan, error) { return read(func(string, string) bool { return true }) }

// To returns what an attachment has: one device, unless it was added anew without
// having been deleted.
func To(a owner.Attachment) ([]*Loan, error) {
	return read(func(attachment, _ string) bool { return attachment == a.Prefix() })
}

// Former returns an attachment under the name that its network had when it got a device.
func Former(a owner.Attachment) (owner.Attachment, error) {
	loans, err := read(func(attachment, _ string) bool { return a.IsOf(attachment) })
	for _, l := range loans {
		if l.Attachment == a {
			return a, nil
		}
	}
	if len(loans) > 0 {
		return loans[0].Attachment, err
	}
	return a, err
}

// of returns the loans of those who have a device of that name or, as a device is
// in one place, had it.
func of(name string) ([]*Loan, error) {
	return read(func(_, device string) bool { return device == name })
}

// read returns the loans in records whose names match. A record that makes no
// sense is as good as none.
func read(match func(attachment, device string) bool) ([]*Loan, error) {
	files, err := record.Names(directory)
	if err != nil {
		return nil, err
	}
	var loans []*Loan
	for _, file := range files {
		name, ok := strings.CutSuffix(file, recordSuffix)
		if !ok || len(name) <= owner.PrefixLen || !match(name[:owner.PrefixLen], name[owner.PrefixLen+1:]) {
			continue
		}
		path, l := filepath.Join(directory, file), new(Loan)
		found, err := record.Read(path, l)
		if err != nil {
			return nil, err
		}
		if found && l.Device != nil && l.path() == path {
			loans = append(loans, l)
		}
	}
	return loans, nil
}
