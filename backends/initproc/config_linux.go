package initproc

import (
	"os"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Config says how Spawn starts an init process. It holds the part of a container that a process
// cannot change about itself later.
type Config struct {
	// NewPID makes the init process PID 1 of a new pid namespace. Otherwise it is in the host's. It
	// never starts in a pid namespace with other processes, because they could inspect it while it
	// has the host's tree: see Plan.PIDNamespace.
	NewPID bool
	// NewTime makes a time namespace. Offsets are in the format of timens_offsets
	// (time_namespaces(7)). TimePath is an existing time namespace to start in.
	NewTime           bool
	Offsets, TimePath string
	// NewUser makes a user namespace with the given maps. UserPath is an existing one to start in.
	NewUser          bool
	UserPath         string
	UIDMaps, GIDMaps []specs.LinuxIDMapping
	// JoinBeforeFork are existing namespaces to start in, of the types cgroup, network, IPC and
	// UTS. The init process has the right to join them only before it enters a user namespace.
	JoinBeforeFork []*os.File
	Stdio          [3]*os.File
	// Inherited is the number of berth's descriptors from 3 on that the user's process inherits.
	Inherited int
}

func (cfg *Config) mapUser(sys *syscall.SysProcAttr) {
	// The mount namespace is for preparation only: the kernel locks, for the container, the mounts
	// that are looked up in it.
	sys.Cloneflags |= unix.CLONE_NEWUSER | unix.CLONE_NEWNS
	sys.UidMappings, sys.GidMappings = idMap(cfg.UIDMaps), idMap(cfg.GIDMaps)
	sys.GidMappingsEnableSetgroups = true
	sys.Credential = &syscall.Credential{}
}

func idMap(maps []specs.LinuxIDMapping) []syscall.SysProcIDMap {
	out := make([]syscall.SysProcIDMap, len(maps))
	for i, m := range maps {
		out[i] = syscall.SysProcIDMap{ContainerID: int(m.ContainerID), HostID: int(m.HostID), Size: int(m.Size)}
	}
	return out
}
