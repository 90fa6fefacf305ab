// Idle does nothing: what a plugin costs that does nothing either.
package main

func main() {}
