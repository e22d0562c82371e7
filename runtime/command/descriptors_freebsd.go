package command

import "github.com/berth-oci/berth/backends/jail/kernel"

// keepDescriptors sets close-on-exec on every descriptor from 3 on. Nothing that berth starts, such
// as a tool or a hook, then gets what the caller left open. Descriptors for the container are
// passed on by number.
func keepDescriptors() error { return kernel.CloseOnExec(3) }
