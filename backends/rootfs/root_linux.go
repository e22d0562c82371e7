package rootfs

import (
	"errors"
	"os"
)

// Root is the container's root while it is being built. Its methods are called in this order, all on
// one locked OS thread: Mount, Devices, Pivot, Console, Finish, Close.
type Root struct {
	plan   *Plan
	files  []*os.File
	tree   tree // the root's own mount
	proc   int  // a procfs that nothing in the container can change
	lateRO []lateMount
}

type lateMount struct {
	fd   int
	what string
}

// errNotBuilt is what a method says that is called out of order.
var errNotBuilt = errors.New("the root is closed")

// Close gives back the descriptors that building needed, those of [Open] included.
func (r *Root) Close() error {
	return errNotBuilt
}
