//go:build noskel

package plugin

// CmdArgs and CNIFuncs are like skel's, for commands, which build_linux.sh builds with the tag
// noskel: to import package skel costs each of their starts a tenth, for what it initialises,
// whether it is called or not.
type CmdArgs struct {
	ContainerID   string
	Netns         string
	IfName        string
	Args          string
	Path          string
	NetnsOverride string
	StdinData     []byte
}

// CNIFuncs are the verbs of a plugin.
type CNIFuncs struct {
	Add, Check, Del, GC, Status func(*CmdArgs) error
}
