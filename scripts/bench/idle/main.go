//go:debug containermaxprocs=1
//go:debug decoratemappings=1
//go:debug updatemaxprocs=1

// Idle does nothing: what a plugin costs that does nothing either. It is as Go's linker makes
// it by default, without what go.mod turns off for the plugins.
package main

func main() {}
