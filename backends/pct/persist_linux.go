package pct

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/lxcconf"
	"github.com/berth-oci/berth/spec"
)

// PersistOptions describe a CT that belongs to Proxmox VE: its root is a volume on a storage, and
// berth does not manage it once it is created.
type PersistOptions struct {
	// VMID is the CT's number; 0 means the first that is free.
	VMID int
	// Template is a tar archive of the root. The names in it begin with "./".
	Template string
	// Storage is the volume's storage; "" means Proxmox VE's default. Disk is the volume's size in
	// GiB.
	Storage string
	Disk    int64
	// Unprivileged containers are in a user namespace whose ID map Proxmox VE chooses.
	Unprivileged bool
	Spec         *specs.Spec
	// StopSignal is the first signal of a shutdown; "" means LXC's default.
	StopSignal string
	// Source is where the CT comes from, for its description.
	Source string
}

// firstOwnVMID is the lowest VMID that Proxmox VE assigns (pct(1)).
const firstOwnVMID = 100

// Persist creates the CT and returns its VMID. The process of config.json is written with Proxmox
// VE's own keys. If they cannot express a field, Persist fails with an error that names it. After
// an error no CT is left.
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
	// The CT exists from here on, even if the caller has cancelled ctx.
	err = context.Cause(ctx)
	if err == nil {
		err = e.cluster.add(vmid, lines)
	}
	if err != nil {
		return 0, errors.Join(err, client.Destroy(context.WithoutCancel(ctx), vmid, false))
	}
	return vmid, nil
}

// createOwn calls pct create, with the first free VMID if o names none. The call is not cancelled
// with ctx, because pct cleans up after an error only if it is not killed.
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

// ownArgs returns the arguments of pct create after the VMID.
func ownArgs(s *Settings, o *PersistOptions, entrypoint string) []string {
	rootfs := strconv.FormatInt(o.Disk, 10)
	if o.Storage != "" {
		rootfs = o.Storage + ":" + rootfs
	}
	words := []string{
		o.Template, "--rootfs", rootfs, "--entrypoint", entrypoint,
		// With any other type Proxmox VE edits files in the image.
		"--ostype", "unmanaged", "--unprivileged", boolArg(o.Unprivileged), "--arch", arch(),
		"--hostname", o.Spec.Hostname,
		"--description", fmt.Sprintf("Made by berth from %q.", o.Source),
		// There is no getty, so the console is the process's terminal.
		"--cmode", "console", "--tags", strings.Join(append([]string{"oci"}, s.Tags...), ";"),
	}
	if s.Pool != "" {
		words = append(words, "--pool", s.Pool)
	}
	return words
}

// keys returns the lines of the CT's configuration for which pct create has no options. Proxmox VE
// writes the same lines for an image that it imports.
func keys(o *PersistOptions) ([]string, spec.Problems) {
	var lines []string
	var ps spec.Problems
	add := func(path, key, value string) {
		if err := lxcconf.CheckValue(value); err != nil {
			ps = append(ps, spec.Problem{Path: path, Level: spec.Error, Message: err.Error() + ", so it cannot be in a CT's configuration"})
			return
		}
		lines = append(lines, key+": "+value)
	}
	p := o.Spec.Process
	for i, variable := range p.Env {
		// The option --env sets the same key, but separates the variables with NULs.
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
