package command

import "github.com/berth-oci/berth/backends/jail/kernel"

// keepDescriptors sees to it that nothing berth starts, a tool or a hook, gets
// what its caller has left open. What is meant for the container is handed on by
// number.
func keepDescriptors() error { return kernel.CloseOnExec(3) }
