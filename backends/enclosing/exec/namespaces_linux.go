package exec

import (
	"errors"
	"fmt"
	"os"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/enclosing/guard"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/backends/record"
	"github.com/berth-oci/berth/spec"
)

// open opens a pidfd of the stub init and compares the stub init's namespaces with berth's own.
// Namespaces that are the same need not be joined. In a user namespace they could not be joined
// either.
func (e *execution) open() error {
	stubInit := e.data.StubInit
	pidfd, err := stubInit.Open()
	if err != nil {
		return fmt.Errorf("open the enclosure's init: %w", err)
	}
	e.files.Member = pidfd
	if !stubInit.Alive() {
		return fmt.Errorf("the enclosure's init, process %d: %w", stubInit.Pid, unix.ESRCH)
	}
	_, cgroups := e.namespace(specs.CgroupNamespace)
	for _, t := range append([]specs.LinuxNamespaceType{specs.MountNamespace, specs.UserNamespace}, namespace.Joinable...) {
		if t == specs.CgroupNamespace && cgroups != spec.New || t == specs.MountNamespace && e.data.Attachment != nil {
			continue // LXC always gives its init a new one
		}
		if slices.Contains(e.data.JoinedBeforeFork, t) {
			continue // the stub init is not in it
		}
		name := namespace.Files[t]
		theirs := fmt.Sprintf("/proc/%d/ns/%s", stubInit.Pid, name)
		same, err := sameFile(theirs, "/proc/self/ns/"+name)
		if err != nil {
			return fmt.Errorf("open the container's namespaces: %w", err)
		}
		switch {
		case same:
		case t == specs.UserNamespace:
			if e.files.User, err = os.Open(theirs); err != nil {
				return fmt.Errorf("open the container's namespaces: %w", err)
			}
			if err := e.givePipes(); err != nil {
				return err
			}
		default:
			e.plan.Namespaces |= namespace.CloneFlags[t]
		}
	}
	if err := e.keepInCgroup(); err != nil {
		return err
	}
	if err := e.openPID(); err != nil {
		return err
	}
	if err := e.openTime(); err != nil {
		return err
	}
	if err := e.openJoinedBeforeFork(); err != nil {
		return err
	}
	return e.openMounts()
}

// keepInCgroup repeats the check that create made. A monitor may have come into the container's
// network namespace since then.
func (e *execution) keepInCgroup() error {
	// Look at the namespace that exec joins. The first process may have moved to another one.
	member := e.data.StubInit
	if slices.Contains(e.data.JoinedBeforeFork, specs.NetworkNamespace) {
		member = e.c.Process
	}
	network, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", member.Pid))
	if err == nil && !member.Alive() {
		network.Close()
		err = unix.ESRCH
	}
	if err != nil {
		return fmt.Errorf("open the container's network namespace: %w", err)
	}
	defer network.Close()
	return guard.KeepInCgroup(e.plan.Process, e.saved.Spec(), network)
}

// givePipes gives stdio that is a pipe to the process's user. The ID maps are those of the stub
// init, which a pidfd holds and which was still alive after they were read.
func (e *execution) givePipes() error {
	if e.process.Terminal {
		return nil
	}
	maps, err := namespace.ReadMap(fmt.Sprintf("/proc/%d/uid_map", e.data.StubInit.Pid))
	if err == nil && !e.data.StubInit.Alive() {
		err = unix.ESRCH
	}
	if err != nil {
		return fmt.Errorf("open the container's user namespace: %w", err)
	}
	return namespace.GivePipes(e.files.Stdio, e.process.User.UID, maps)
}

// openMounts opens the first process's root, and its mount namespace if that was joined by path. It
// does nothing if the mount namespace is the container's own, because the stub init is in it then.
func (e *execution) openMounts() error {
	if e.data.Attachment == nil {
		if e.plan.Namespaces&unix.CLONE_NEWNS == 0 {
			return errors.New("the container has no mount namespace of its own")
		}
		return nil
	}
	first := e.c.Process
	root, err := unix.Open(fmt.Sprintf("/proc/%d/root", first.Pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		e.files.Root = os.NewFile(uintptr(root), "/")
		if e.data.MountNamespace != nil {
			e.files.Mount, err = os.Open(fmt.Sprintf("/proc/%d/ns/mnt", first.Pid))
		}
	}
	if err == nil && !first.Alive() {
		err = unix.ESRCH
	}
	if err != nil {
		return fmt.Errorf("open the container's root: %w", err)
	}
	return nil
}

// openPID opens the pid namespace of the first process. The stub init is not in it if the namespace
// is older than the container.
func (e *execution) openPID() error {
	first := e.c.Process
	theirs := fmt.Sprintf("/proc/%d/ns/pid", first.Pid)
	same, err := sameFile(theirs, "/proc/self/ns/pid")
	if err == nil && !same {
		e.files.PID, err = os.Open(theirs)
	}
	if err == nil && !first.Alive() {
		err = unix.ESRCH
	}
	if err != nil {
		return fmt.Errorf("open the container's pid namespace: %w", err)
	}
	e.files.Secret = same
	return nil
}

// openTime opens the first process's time namespace. Before start that is the time namespace of the
// process's children.
func (e *execution) openTime() error {
	for _, name := range []string{"time", "time_for_children"} {
		theirs := fmt.Sprintf("/proc/%d/ns/%s", e.c.Process.Pid, name)
		same, err := sameFile(theirs, "/proc/self/ns/time")
		if err == nil && !same {
			e.files.Time, err = os.Open(theirs)
		}
		if errors.Is(err, os.ErrNotExist) && e.c.Process.Alive() {
			return nil // the kernel has none
		}
		if err != nil {
			return fmt.Errorf("open the container's time namespace: %w", err)
		}
		if !same {
			return nil
		}
	}
	return nil
}

// namespace returns what config.json says about namespaces of type t.
func (e *execution) namespace(t specs.LinuxNamespaceType) (path string, kind spec.NamespaceKind) {
	return spec.Namespace(e.saved.Spec(), t)
}

// openJoinedBeforeFork opens the namespaces that berth joined before it forked the first process.
// The stub init is not in them.
func (e *execution) openJoinedBeforeFork() error {
	types := slices.Clone(e.data.JoinedBeforeFork)
	if _, kind := e.namespace(specs.CgroupNamespace); kind == spec.Path {
		types = append(types, specs.CgroupNamespace)
	}
	for _, t := range types {
		name := namespace.Files[t]
		if !slices.Contains(namespace.Joinable, t) {
			return record.Damaged("a process cannot join a %.40q namespace before it is forked", t)
		}
		theirs := fmt.Sprintf("/proc/%d/ns/%s", e.c.Process.Pid, name)
		same, err := sameFile(theirs, "/proc/self/ns/"+name)
		if err == nil && !same {
			var ns *os.File
			if ns, err = os.Open(theirs); err == nil {
				e.files.JoinBeforeFork = append(e.files.JoinBeforeFork, ns)
			}
		}
		if err == nil && !e.c.Process.Alive() {
			err = unix.ESRCH
		}
		if err != nil {
			return fmt.Errorf("open the container's %s namespace: %w", t, err)
		}
	}
	return nil
}

func sameFile(a, b string) (bool, error) {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	if err := errors.Join(err1, err2); err != nil {
		return false, err
	}
	return os.SameFile(x, y), nil
}
