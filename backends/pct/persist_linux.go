package pct

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// PersistOptions describe a CT that is Proxmox VE's own: its root is a volume in a
// storage, and berth has nothing to do with it once it is made.
type PersistOptions struct {
	// VMID, or 0 for the first that is free.
	VMID int
	// Template is a tar archive of the root, whose names begin with "./".
	Template string
	// Storage for the volume, or Proxmox VE's default; Disk is its size in GiB.
	Storage string
	Disk    int64
	// Unprivileged containers are in a user namespace of Proxmox VE's choice.
	Unprivileged bool
	Spec         *specs.Spec
	// StopSignal is what a shutdown begins with; LXC's default if empty.
	StopSignal string
	// Source is told in the description.
	Source string
}

// firstOwnVMID is the lowest that Proxmox VE gives (pct(1)).
const firstOwnVMID = 100

// Persist makes the CT and returns its VMID. The process of the config.json is
// carried by Proxmox VE's own keys; what they cannot carry is an error that names
// the field. After an error there is no CT.
func Persist(ctx context.Context, s Settings, o *PersistOptions) (int, error) {
	if s.ClusterDir == "" {
		s.ClusterDir = defaultCluster
	}
	e := &Enclosure{settings: s, cluster: Cluster{Dir: s.ClusterDir}}
	if err := e.Usable(); err != nil {
		return 0, err
	}
	entrypoint, ps := initCommand(o.Spec.Process.Args)
	lines, more := keys(o)
	if err := append(ps, more...).Err(); err != nil {
		return 0, err
	}
	client := &Client{Path: s.Path, Timeout: max(s.Timeout, copyTimeout), QuorumWait: s.QuorumWait}
	vmid, err := e.createOwn(ctx, client, o, entrypoint)
	if err != nil {
		return 0, err
	}
	// From here on it is there, whatever the caller's context says.
	err = context.Cause(ctx)
	if err == nil {
		err = e.cluster.add(vmid, lines)
	}
	if err != nil {
		return 0, errors.Join(err, client.Destroy(context.WithoutCancel(ctx), vmid, false))
	}
	return vmid, nil
}

// createOwn calls pct create, for the first free VMID if none is asked for. It is
// not interrupted: pct cleans up after itself only if it is let.
func (e *Enclosure) createOwn(ctx context.Context, client *Client, o *PersistOptions, entrypoint string) (int, error) {
	words := ownArgs(&e.settings, o, entrypoint)
	create := func(vmid int) error {
		_, err := client.run(context.WithoutCancel(ctx), append([]string{"create", vmidArg(vmid)}, words...))
		return err
	}
	if o.VMID != 0 {
		return o.VMID, create(o.VMID)
	}
	used, err := e.cluster.IDs()
	if err != nil {
		return 0, err
	}
	for vmid := firstOwnVMID; ; vmid++ {
		if used[vmid] {
			continue
		}
		if err := create(vmid); !errors.Is(err, ErrExists) {
			return vmid, err
		}
	}
}

// ownArgs are those of pct create behind the VMID.
func ownArgs(s *Settings, o *PersistOptions, entrypoint string) []string {
	rootfs := strconv.FormatInt(o.Disk, 10)
	if o.Storage != "" {
		rootfs = o.Storage + ":" + rootfs
	}
	words := []string{
		o.Template, "--rootfs", rootfs, "--entrypoint", entrypoint,
		// Any other type and Proxmox VE edits files of the image.
		"--ostype", "unmanaged", "--unprivileged", boolArg(o.Unprivileged), "--arch", arch(),
		"--hostname", o.Spec.Hostname,
		"--description", fmt.Sprintf("Made by berth from %q.", o.Source),
		// There is no getty: the console is the process's own.
		"--cmode", "console", "--tags", strings.Join(append([]string{"oci"}, s.Tags...), ";"),
	}
	if s.Pool != "" {
		words = append(words, "--pool", s.Pool)
	}
	return words
}

// keys are the lines of the CT's configuration that pct create has no options
// for, as Proxmox VE writes them itself for an image that it imports.
func keys(o *PersistOptions) ([]string, spec.Problems) {
	var lines []string
	var ps spec.Problems
	add := func(path, key, value string) {
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) || strings.TrimSpace(value) != value {
			ps = append(ps, spec.Problem{Path: path, Level: spec.Error,
				Message: fmt.Sprintf("%.100q cannot stand in a CT's configuration: no control characters, no blanks around it", value)})
			return
		}
		lines = append(lines, key+": "+value)
	}
	p := o.Spec.Process
	for i, variable := range p.Env {
		// What the option --env sets, but for the NUL characters in it.
		add(fmt.Sprintf("process.env[%d]", i), "lxc.environment.runtime", variable)
	}
	add("process.cwd", "lxc.init.cwd", p.Cwd)
	if u := p.User; u.UID != 0 || u.GID != 0 || len(u.AdditionalGids) > 0 {
		add("process.user.uid", "lxc.init.uid", strconv.FormatUint(uint64(u.UID), 10))
		add("process.user.gid", "lxc.init.gid", strconv.FormatUint(uint64(u.GID), 10))
		var groups []string
		for _, gid := range u.AdditionalGids {
			groups = append(groups, strconv.FormatUint(uint64(gid), 10))
		}
		if len(groups) > 0 {
			add("process.user.additionalGids", "lxc.init.groups", strings.Join(groups, ","))
		}
	}
	if o.StopSignal != "" {
		add("annotations", "lxc.signal.halt", o.StopSignal)
	}
	return lines, ps
}
