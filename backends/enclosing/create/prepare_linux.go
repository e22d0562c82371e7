package create

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/agent"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/guard"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/backends/initproc"
	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/backends/rootfs"
	"github.com/berth-oci/berth/backends/seccomp"
	"github.com/berth-oci/berth/spec"
)

// preparation is what create works out and opens on the host for the init process.
type preparation struct {
	process   *process.Attributes
	root      *rootfs.Plan
	files     []*os.File
	console   *os.File
	hostTree  *os.File
	inherited int
}

// prepare does everything that can fail because of the config, before anything is made.
func prepare(j *enclosure.Job, o *backends.CreateOptions) (*preparation, error) {
	p := &preparation{}
	var err error
	if p.process, err = process.FromSpec(j.Spec.Process, j.Spec); err != nil {
		return nil, err
	}
	if err := initproc.CheckAffinity(j.Spec.Process.ExecCPUAffinity); err != nil {
		return nil, err
	}
	if err := namespace.CheckMaps(j.Spec.Linux); err != nil {
		return nil, err
	}
	if err := namespace.CheckTime(j.Spec); err != nil {
		return nil, err
	}
	backends.LogWarnings(slices.Concat(p.process.Warnings, p.process.Ungranted(), seccomp.Passed(j.Spec.Linux.Seccomp)))
	if !o.NoNewKeyring {
		p.process.Keyring = "_ses." + j.ID
	}
	p.process.ListenFDs = o.ListenFDs
	if l := j.Spec.Linux; l.Seccomp != nil {
		// "@seccomp" is not a valid id, so it cannot clash with a container's directory.
		if p.process.Seccomp, err = seccomp.Cached(l.Seccomp, filepath.Join(j.Root, "@seccomp")); err != nil {
			return nil, err
		}
		if p.process.Seccomp != nil && p.process.Seccomp.Listener {
			if err := agent.Check(l.Seccomp.ListenerPath); err != nil {
				return nil, err
			}
		}
	}
	if p.inherited, err = link.Inheritable(o.ListenFDs, o.PreserveFDs); err != nil {
		return nil, err
	}
	if err := guard.CheckDescriptors(o.Stdio, p.inherited); err != nil {
		return nil, err
	}
	if o.ConsoleSocket != "" {
		if p.console, err = link.DialConsole(o.ConsoleSocket); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// openHostTree opens a copy of the host's mounts for hooks that run before the pivot. It is for an
// enclosure whose init has a root of its own. It does nothing if the init process does not enter
// that init's mount namespace.
func (p *preparation) openHostTree(j *enclosure.Job) (err error) {
	if !rootfs.SharedMountNamespace(j.Spec) && spec.HasHooks(j.Spec, spec.Prestart, spec.CreateRuntime, spec.CreateContainer) {
		p.hostTree, err = initproc.OpenHostTree()
	}
	return err
}

// openRoot opens the root and the sources of all mounts. With a user namespace it does so in the
// mount namespace of the init process.
func (p *preparation) openRoot(j *enclosure.Job) error {
	var o rootfs.Options
	if len(j.UIDMap) > 0 {
		ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", j.InitPid))
		if err != nil {
			return fmt.Errorf("mount namespace of the container's process: %w", err)
		}
		defer ns.Close()
		o.Namespace = ns
	}
	o.Namespaces = rootfs.Namespaces(j.Joined)
	var err error
	if f, ok := j.Joined[specs.CgroupNamespace]; ok {
		if o.HostCgroups, err = namespace.HostCgroups(f); err != nil {
			return err
		}
		if !o.HostCgroups {
			o.CgroupNamespace = f
		}
	}
	p.root, p.files, err = rootfs.Open(j.Spec, j.Bundle, o)
	return err
}

func (p *preparation) close() {
	for _, f := range p.files {
		f.Close()
	}
	for _, f := range []*os.File{p.console, p.hostTree} {
		if f != nil {
			f.Close()
		}
	}
}

// plan returns the plan for the init process, and the descriptors that go with it.
func (p *preparation) plan(j *enclosure.Job, stubInit, start *os.File) (*initproc.Plan, []*os.File, error) {
	s := j.Spec
	plan := &initproc.Plan{
		Hostname: s.Hostname, Domainname: s.Domainname,
		Root: p.root, RootFiles: len(p.files),
		Process:         p.process,
		Terminal:        s.Process.Terminal,
		Console:         s.Process.ConsoleSize,
		ConsoleSocket:   initproc.None,
		HostTree:        initproc.None,
		HostHooks:       spec.HasHooks(s, spec.Prestart, spec.CreateRuntime),
		CreateContainer: spec.Hooks(s, spec.CreateContainer),
		StartContainer:  spec.Hooks(s, spec.StartContainer),
		State:           j.State(specs.StateCreating),
		Inherited:       p.inherited,
	}
	files := append([]*os.File{}, p.files...)
	add := func(f *os.File) int {
		files = append(files, f)
		return len(files) - 1
	}
	flags, loopback := joined(j)
	plan.Loopback = loopback
	plan.Namespaces, plan.Member, plan.MountNamespace = flags, add(stubInit), initproc.None
	if f, ok := j.Joined[specs.MountNamespace]; ok {
		plan.MountNamespace = add(f)
	}
	plan.StartSocket = add(start)
	plan.PIDNamespace = initproc.None
	if f, ok := j.Joined[specs.PIDNamespace]; ok {
		plan.PIDNamespace = add(f)
		_, kind := j.Namespace(specs.TimeNamespace)
		plan.NewTime, plan.Offsets = kind == spec.New, offsets(s)
	}
	if p.console != nil {
		plan.ConsoleSocket = add(p.console)
	}
	if a := j.Data.Attachment; a != nil {
		plan.At = a.At
	} else if spec.HasHooks(s, spec.Prestart, spec.CreateRuntime, spec.CreateContainer) {
		plan.At = j.Rootfs
		if p.hostTree != nil {
			plan.HostTree = add(p.hostTree)
		}
	}
	return plan, files, nil
}

// joined returns the namespaces of the stub init that the init process has to enter, as CLONE_NEW*
// flags. Namespaces of the host are left out: the init process is in them already, and a process in
// a user namespace lacks the rights to enter them again. Namespaces that were joined before the
// fork are left out too. An existing cgroup namespace is always one of these, because LXC would
// make a new one. loopback is true if the network namespace is new.
func joined(j *enclosure.Job) (flags int, loopback bool) {
	s := j.Spec
	if !rootfs.SharedMountNamespace(s) {
		flags = unix.CLONE_NEWNS
	}
	for t, flag := range map[specs.LinuxNamespaceType]int{
		specs.NetworkNamespace: unix.CLONE_NEWNET,
		specs.IPCNamespace:     unix.CLONE_NEWIPC,
		specs.UTSNamespace:     unix.CLONE_NEWUTS,
		specs.CgroupNamespace:  unix.CLONE_NEWCGROUP,
	} {
		_, kind := spec.Namespace(s, t)
		if kind != spec.Host && !j.JoinedBeforeFork(t) {
			flags |= flag
		}
		if t == specs.NetworkNamespace && kind == spec.New {
			loopback = true
		}
	}
	return flags, loopback
}

// initConfig returns what the init process is started with.
func initConfig(j *enclosure.Job, o *backends.CreateOptions, inherited int) (*initproc.Config, error) {
	cfg := &initproc.Config{Stdio: o.Stdio, Inherited: inherited}
	for i, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		if cfg.Stdio[i] == nil {
			cfg.Stdio[i] = f
		}
	}
	_, kind := j.Namespace(specs.PIDNamespace)
	cfg.NewPID = kind == spec.New
	path, kind := j.Namespace(specs.UserNamespace)
	cfg.NewUser, cfg.UserPath = kind == spec.New, path
	path, kind = j.Namespace(specs.TimeNamespace)
	cfg.NewTime, cfg.TimePath = kind == spec.New && !j.ForksProcess(), path
	cfg.Offsets = offsets(j.Spec)
	for t, ns := range j.Joined {
		if j.JoinedBeforeFork(t) {
			cfg.JoinBeforeFork = append(cfg.JoinBeforeFork, ns)
		}
	}
	if cfg.NewUser {
		cfg.UIDMaps, cfg.GIDMaps = j.Spec.Linux.UIDMappings, j.Spec.Linux.GIDMappings
	}
	return cfg, nil
}

// offsets returns linux.timeOffsets in the format of /proc/PID/timens_offsets (time_namespaces(7)).
func offsets(s *specs.Spec) string {
	var text strings.Builder
	for _, clock := range slices.Sorted(maps.Keys(s.Linux.TimeOffsets)) {
		o := s.Linux.TimeOffsets[clock]
		fmt.Fprintf(&text, "%s %d %d\n", clock, o.Secs, o.Nanosecs)
	}
	return text.String()
}
