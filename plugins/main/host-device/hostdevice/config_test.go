package hostdevice

import (
	"encoding/json"
	"testing"
)

func TestValidate(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:               "",
		`{"device": "d0"}`: "",
		`{"hwaddr": "02-00-00-00-00-0A", "kernelpath": "/sys/devices/pci0000:00/0000:00:03.0/", "pciBusID": "0000:03:00.1"}`: "",
		`{"runtimeConfig": {"deviceID": "mlx5_core.sf.4"}}`:                                                                  "",
		`{"runtimeConfig": {"mac": "zz"}}`:                                                                                   `invalid args zz for MAC addr: address zz: invalid MAC address`,
		`{"hwaddr": "zz"}`:                                                                                                   `failed to parse MAC address "zz": address zz: invalid MAC address`,
		`{"kernelpath": "sys/devices/x"}`:                                                                                    `kernel device path "sys/devices/x" must be absolute and begin with /sys/devices/`,
		`{"kernelpath": "/sys/devices"}`:                                                                                     `kernel device path "/sys/devices" must be absolute and begin with /sys/devices/`,
		`{"kernelpath": "/sys/devices/../../etc"}`:                                                                           `kernel device path "/sys/devices/../../etc" must be absolute and begin with /sys/devices/`,
		`{"pciBusID": "a/b"}`:                                                                                                `invalid pciBusID "a/b"`,
		`{"pciBusID": ".."}`:                                                                                                 `invalid pciBusID ".."`,
		`{"runtimeConfig": {"deviceID": "[0"}}`:                                                                              `invalid deviceID "[0"`,
	} {
		c := new(Conf)
		if err := json.Unmarshal([]byte(text), c); err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := c.Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got  %s\nwant %s", text, got, want)
		}
	}
}

// The key of DPDK mode has no case: upstream does not document it.
func TestDPDKMode(t *testing.T) {
	for _, key := range []string{"dpdkMode", "dpdkmode", "DPDKMode"} {
		c := new(Conf)
		if err := json.Unmarshal([]byte(`{"`+key+`": true}`), c); err != nil || !c.DPDKMode {
			t.Errorf("%s: %v, %v", key, c.DPDKMode, err)
		}
	}
}

func FuzzConf(f *testing.F) {
	f.Add([]byte(`{"device": "d0", "hwaddr": "02:00:00:00:00:01", "runtimeConfig": {"deviceID": "x"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := new(Conf)
		if json.Unmarshal(text, c) == nil && c.Validate() == nil && c.HWAddr != "" && c.hwAddr == nil {
			t.Errorf("no address for %q", c.HWAddr)
		}
	})
}
