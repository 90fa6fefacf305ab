// Package buildversion holds the version that a binary was built as.
package buildversion

// BuildVersion is set by the linker, as `build_linux.sh --release` has it do:
//
//	-X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=v1.10.0
var BuildVersion = "version unknown"

// BuildString returns the text with which a plugin introduces itself, such as
// "CNI ptp plugin v1.0.0".
func BuildString(pluginName string) string {
	return "CNI " + pluginName + " plugin " + BuildVersion
}
