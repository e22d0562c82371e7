package rootfs

import (
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Options are what [Open] needs to know beside the config.
type Options struct {
	// Namespace is the mount namespace in which sources are looked up; nil means the caller's. With
	// a user namespace it has to be one that the container's user namespace owns (a copy of the
	// host's made by the stage): then the kernel locks the flags that sources have on the host.
	Namespace *os.File
	// Cgroup is the container's own cgroup as an absolute path, "" when it is not known yet. It is
	// what a cgroup2 mount falls back to where the kernel refuses a new one.
	Cgroup string
}

// Open looks up, on the host, everything that the config's root, mounts and devices name there.
func Open(s *specs.Spec, bundle string, o Options) (*Plan, []*os.File, error) {
	return nil, nil, errNotBuilt
}

// Unsupported lists what the config asks of this package and the package cannot do.
func Unsupported(s *specs.Spec) []Refusal { return nil }

// Attach mounts the root over the directory at, which is "/" when at is "".
func Attach(p *Plan, files []*os.File, at string) (*Root, error) { return nil, errNotBuilt }

// Mount makes the config's mounts in their order.
func (r *Root) Mount() error { return errNotBuilt }

// Devices populates /dev.
func (r *Root) Devices() error { return errNotBuilt }

// OpenPty makes a new pair in the container's own devpts.
func (r *Root) OpenPty() (master, slave *os.File, err error) { return nil, nil, errNotBuilt }

// Console puts the terminal at /dev/console.
func (r *Root) Console(slave *os.File) error { return errNotBuilt }

// Pivot makes the root the calling process's and drops the old one.
func (r *Root) Pivot() error { return errNotBuilt }

// Finish does what can only be done last.
func (r *Root) Finish() error { return errNotBuilt }

type tree int
