package create

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

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
func (cr *creation) prepare(context.Context) error {
	j := cr.job
	if err := cr.tool.Usable(); err != nil {
		return err
	}
	fileSize, err := raiseFileSize()
	if err != nil {
		return err
	}
	if err := cr.prepareLimits(); err != nil {
		return err
	}
	if err := j.AddMounts(cr.tool); err != nil {
		return err
	}
	if cr.prep, err = prepareProcess(j, cr.opts); err != nil {
		return err
	}
	keepFileSize(cr.prep.process, fileSize)
	if j.Joined, err = namespace.OpenAll(j.Spec); err != nil {
		return err
	}
	return guard.KeepInCgroup(cr.prep.process, j.Spec, j.Joined[specs.NetworkNamespace])
}

// prepareProcess prepares the attributes of the process, and checks what the process inherits.
func prepareProcess(j *enclosure.Job, o *backends.CreateOptions) (*preparation, error) {
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
