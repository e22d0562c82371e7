package layer

import "golang.org/x/sys/unix"

// makeNode creates a FIFO or a device node.
func makeNode(p place, mode uint32, major, minor int64) error {
	return unix.Mknodat(p.dir, p.name, mode, unix.Mkdev(uint32(major), uint32(minor)))
}
