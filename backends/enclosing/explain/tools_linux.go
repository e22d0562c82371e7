package explain

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

// Versions returns the programs of the enclosure's tool, the kernel and the cgroup tree. It also fails if berth
// does not run as root.
func Versions(t enclosure.Tool) ([]backends.Tool, error) {
	var tools []backends.Tool
	var err error
	if e, ok := t.(backends.Versioner); ok {
		tools, err = e.Versions()
	}
	var name unix.Utsname
	_ = unix.Uname(&name) // fails only for a bad address
	tools = append(tools, backends.Tool{Name: unix.ByteSliceToString(name.Sysname[:]), Version: unix.ByteSliceToString(name.Release[:])},
		backends.Tool{Name: "cgroup", Version: cgroup.Describe()})
	if os.Geteuid() != 0 {
		err = errors.Join(err, fmt.Errorf("only root can create %s containers", t.Name()))
	}
	return tools, err
}
