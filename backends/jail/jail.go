// Package jail runs containers as FreeBSD jails. FreeBSD's own commands make the
// jail and what is around it (package tools); the container's process is berth's
// own child, which enters the jail (package jailed).
package jail

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/jail/kernel"
	"github.com/berth-oci/berth/backends/jail/tools"
	"github.com/berth-oci/berth/backends/jail/tree"
	"github.com/berth-oci/berth/backends/record"
	"github.com/berth-oci/berth/spec"
)

// Name is the backend's name.
const Name = "jail"

// Backend is a backends.Backend and a backends.Operator.
type Backend struct{ tools *tools.Box }

var (
	_ backends.Operator  = (*Backend)(nil)
	_ backends.Versioner = (*Backend)(nil)

	_ backends.Explaining  = (*Backend)(nil)
	_ backends.Preflighter = (*Backend)(nil)
)

// New makes the backend.
func New() *Backend { return &Backend{tools: &tools.Box{Dirs: kernel.Tools()}} }

// locked is the backend for a command that changes a container.
func (b *Backend) locked(c *backends.Container) *Backend {
	return &Backend{tools: &tools.Box{Dirs: b.tools.Dirs, Lock: c.Lock}}
}

// Name is "jail".
func (b *Backend) Name() string { return Name }

// needed are the tools that every container takes.
var needed = []string{"jail", "jls", "mount", "umount", "devfs", "ps"}

// Usable says why there can be no jail here.
func (b *Backend) Usable() error {
	if os.Geteuid() != 0 {
		return errors.New("jails can be made by root alone")
	}
	if kernel.Jailed() {
		return errors.New("this is a jail itself, in which file systems cannot be mounted for another")
	}
	_, err := b.Versions()
	return err
}

// Tools are FreeBSD's commands.
func (b *Backend) Versions() ([]backends.Tool, error) {
	var list []backends.Tool
	for _, name := range needed {
		path, err := b.tools.Find(name)
		if err != nil {
			return list, err
		}
		list = append(list, backends.Tool{Name: name, Path: path})
	}
	return list, nil
}

// Check names the fields of config.json that a jail cannot honour.
func (b *Backend) Check(s *specs.Spec) spec.Problems {
	_, settings := settingsOf(s, nil)
	_, mounts := mountsOf(s, "/")
	return append(append(unsupported(s), settings...), mounts...)
}

// Data is what is remembered of a container: what was made for it, in the order
// in which it was. All is recorded before it is made.
type Data struct {
	// Jail is the jail's name, with its parents' names before it.
	Jail string `json:"jail"`
	// JID is 0 as long as the jail was not seen to be made.
	JID int `json:"jid,omitempty"`
	// Making says that the jail is being made, or was.
	Making bool `json:"making,omitempty"`
	// Root is the container's root as the bundle has it, View the read-only view
	// of it that is the jail's root instead, or "".
	Root string `json:"root"`
	View string `json:"view,omitempty"`
	// Raised are the jails above that may have one jail more for this one.
	Raised []string `json:"raised,omitempty"`
	// Aliases are the addresses on network interfaces.
	Aliases []Alias `json:"aliases,omitempty"`
	// Mounts are the mount points, and Files stand in for mounts of files.
	Mounts []Mounted        `json:"mounts,omitempty"`
	Files  []*tree.Replaced `json:"files,omitempty"`
	// Mounter says that the jail may mount file systems itself. Below are the mount
	// points in its root that were there before.
	Mounter bool     `json:"mounter,omitempty"`
	Below   []string `json:"below,omitempty"`
	// Interfaces are those in the jail's network stack.
	Interfaces []string `json:"interfaces,omitempty"`
	// Limited says that there are limits.
	Limited bool `json:"limited,omitempty"`
}

// Alias is an address on a network interface.
type Alias struct {
	Interface string     `json:"interface"`
	Address   netip.Addr `json:"address"`
}

func (a Alias) add() tools.Command    { return tools.AddAlias(a.Interface, a.Address) }
func (a Alias) remove() tools.Command { return tools.RemoveAlias(a.Interface, a.Address) }

// Mounted is a mount point, with the number of mounts that were there before.
type Mounted struct {
	Target string `json:"target"`
	Before int    `json:"before,omitempty"`
}

// path is the jail's root.
func (d *Data) path() string {
	if d.View != "" {
		return d.View
	}
	return d.Root
}

func data(c *backends.Container) (*Data, error) {
	d := &Data{}
	if len(c.Data) == 0 {
		return d, nil
	}
	if err := record.Strictly(c.Data, d); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	return d, nil
}

// maxName is what a jail's name can hold, in bytes (MAXHOSTNAMELEN - 1).
const maxName = 255

// jailName is the name of a container's jail: its id. podman and ocijail have it
// so, too. In a parent, the parent's name is before it.
func jailName(id, parent string) (string, error) {
	switch {
	case strings.Contains(id, "."):
		return "", fmt.Errorf("container id %q: a jail's name cannot have a dot, which parts it from its parent's", id)
	case strings.Trim(id, "0123456789") == "":
		return "", fmt.Errorf("container id %q: a jail's name cannot be a number, which would be a jid", id)
	}
	name := id
	if parent != "" {
		name = parent + "." + id
	}
	if len(name) > maxName {
		return "", fmt.Errorf("container id %q: the jail's name %q has %d bytes, %d are allowed", id, name, len(name), maxName)
	}
	return name, nil
}

// viewsDir is where read-only views of roots are mounted. It is outside of the
// container's own directory, which is removed with all that is in it.
func viewsDir(c *backends.Container) string { return filepath.Join(c.Root, "@roots") }

// viewOf is the container's view, root being the state root without links.
func viewOf(c *backends.Container, root string) string {
	return filepath.Join(root, filepath.Base(viewsDir(c)), c.ID)
}

// parentOf asks for what a jail in parent can have.
func (b *Backend) parentOf(ctx context.Context, parent string) (inherited, error) {
	if parent == "" {
		return unrestricted, nil
	}
	n, err := b.tools.Numbers(ctx, parent, "allow.chflags", "allow.raw_sockets", "enforce_statfs")
	if err != nil {
		return inherited{}, fmt.Errorf("parent jail: %w", err)
	}
	return inherited{Chflags: n[0] != 0, RawSockets: n[1] != 0, EnforceStatfs: n[2]}, nil
}
