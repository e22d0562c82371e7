// Package jail runs containers as FreeBSD jails. FreeBSD's own commands (package tools) create the
// jail, its mounts, its network interfaces and its limits. The container's process is a child of
// berth that enters the jail (package jailed).
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

// Backend implements backends.Backend and backends.Operator.
type Backend struct{ tools *tools.Box }

var (
	_ backends.Operator  = (*Backend)(nil)
	_ backends.Versioner = (*Backend)(nil)

	_ backends.Explaining  = (*Backend)(nil)
	_ backends.Preflighter = (*Backend)(nil)
)

// New returns the backend. It looks for tools in the directories of kernel.Tools.
func New() *Backend { return &Backend{tools: &tools.Box{Dirs: kernel.Tools()}} }

// locked returns a copy of the backend for a command that changes a container. Its tools inherit
// the container's lock.
func (b *Backend) locked(c *backends.Container) *Backend {
	return &Backend{tools: &tools.Box{Dirs: b.tools.Dirs, Lock: c.Lock}}
}

// Name returns "jail".
func (b *Backend) Name() string { return Name }

// needed lists the tools that every container needs.
var needed = []string{"jail", "jls", "mount", "umount", "devfs", "ps"}

// Usable returns the reason why this host cannot run jails: berth is not root, berth itself runs in
// a jail, or a tool is missing. It returns nil if jails can run.
func (b *Backend) Usable() error {
	if os.Geteuid() != 0 {
		return errors.New("only root can create jails")
	}
	if kernel.Jailed() {
		return errors.New("berth runs in a jail, where it cannot mount file systems for another jail")
	}
	_, err := b.Versions()
	return err
}

// Versions returns the paths of FreeBSD's commands. It fails on the first one that is missing.
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

// Check reports the fields of config.json that a jail cannot honour.
func (b *Backend) Check(s *specs.Spec) spec.Problems {
	_, settings := settingsOf(s, nil)
	_, mounts := mountsOf(s, "/")
	return append(append(unsupported(s), settings...), mounts...)
}

// Data is the backend's part of the record: everything that was created for the container, in order
// of creation. Each thing is recorded before it is created.
type Data struct {
	// Jail is the jail's name, prefixed with its parents' names.
	Jail string `json:"jail"`
	// JID is the jail's id. It is 0 until jail(8) has reported the jail as created.
	JID int `json:"jid,omitempty"`
	// Making is true from the moment before the jail is created.
	Making bool `json:"making,omitempty"`
	// Root is the container's root from the bundle. View is a read-only view of Root that serves as
	// the jail's root instead, or "".
	Root string `json:"root"`
	View string `json:"view,omitempty"`
	// Raised lists the ancestor jails whose children.max was raised by one for this jail.
	Raised []string `json:"raised,omitempty"`
	// Aliases are the addresses added to network interfaces.
	Aliases []Alias `json:"aliases,omitempty"`
	// Mounts are the mount points. Files are copies that replace file mounts.
	Mounts []Mounted        `json:"mounts,omitempty"`
	Files  []*tree.Replaced `json:"files,omitempty"`
	// Mounter is true if the jail may mount file systems itself. Below lists the mount points in
	// its root that existed before create.
	Mounter bool     `json:"mounter,omitempty"`
	Below   []string `json:"below,omitempty"`
	// Interfaces are the interfaces moved into the jail's network stack.
	Interfaces []string `json:"interfaces,omitempty"`
	// Limited is true if the container has resource limits.
	Limited bool `json:"limited,omitempty"`
}

// Alias is an address on a network interface.
type Alias struct {
	Interface string     `json:"interface"`
	Address   netip.Addr `json:"address"`
}

func (a Alias) add() tools.Command    { return tools.AddAlias(a.Interface, a.Address) }
func (a Alias) remove() tools.Command { return tools.RemoveAlias(a.Interface, a.Address) }

// Mounted is a mount point and the number of mounts that it carried before.
type Mounted struct {
	Target string `json:"target"`
	Before int    `json:"before,omitempty"`
}

// path returns the jail's root.
func (d *Data) path() string {
	if d.View != "" {
		return d.View
	}
	return d.Root
}

func data(c *backends.Container) (*Data, error) {
	d := &Data{}
	if err := record.Data(c.Data, d); err != nil {
		return nil, err
	}
	return d, nil
}

// maxName is the maximum length of a jail's name in bytes (MAXHOSTNAMELEN - 1).
const maxName = 255

// jailName returns the name of a container's jail: the container's id, as with podman and ocijail.
// In a parent jail the parent's name and a dot come before it. An id that contains a dot or is a
// number is an error, and so is a name longer than maxName.
func jailName(id, parent string) (string, error) {
	switch {
	case strings.Contains(id, "."):
		return "", fmt.Errorf("container id %q: the name of a jail cannot have a dot, which separates it from its parent's name", id)
	case strings.Trim(id, "0123456789") == "":
		return "", fmt.Errorf("container id %q: the name of a jail cannot be a number, which would be a jid", id)
	}
	name := id
	if parent != "" {
		name = parent + "." + id
	}
	if len(name) > maxName {
		return "", fmt.Errorf("container id %q: the name of the jail, %q, has %d bytes: at most %d are allowed", id, name, len(name), maxName)
	}
	return name, nil
}

// viewsDir returns the directory in which read-only views of roots are mounted. It is outside the
// container's own directory because that directory is removed with its contents.
func viewsDir(c *backends.Container) string { return filepath.Join(c.Root, "@roots") }

// viewOf returns the path of the container's view. root is the state root without symbolic links.
func viewOf(c *backends.Container, root string) string {
	return filepath.Join(root, filepath.Base(viewsDir(c)), c.ID)
}

// parentOf returns the limits that the jail parent imposes on the jails inside it.
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
