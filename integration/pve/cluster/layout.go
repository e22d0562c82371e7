// Package cluster stands in for pmxcfs: the owners of IDs, configurations in /etc/pve, quorum, and
// pct's locks.
package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/berth-oci/berth/integration/pve/host"
)

// Cluster is the cluster file system as one node sees it.
type Cluster struct{ host *host.Host }

// Of returns the cluster of a host.
func Of(h *host.Host) *Cluster { return &Cluster{h} }

const base = "/etc/pve"

// Prepare creates /etc/pve for a node: its directories, the links that pmxcfs shows, storage.cfg,
// user.cfg, .members and .vmlist. It keeps existing links and configuration files.
func Prepare(h *host.Host) error {
	c := Of(h)
	for _, dir := range []string{"lxc", "qemu-server"} {
		if err := os.MkdirAll(c.path("nodes", h.Node, dir), 0o755); err != nil {
			return fmt.Errorf("make the node's directories: %w", err)
		}
	}
	links := map[string]string{
		"local":       "nodes/" + h.Node,
		"lxc":         "nodes/" + h.Node + "/lxc",
		"qemu-server": "nodes/" + h.Node + "/qemu-server",
	}
	for name, target := range links {
		if err := os.Symlink(target, c.path(name)); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make the node's links: %w", err)
		}
	}
	for name, text := range map[string]string{"storage.cfg": storageConfig, userConfig: users} {
		if _, err := os.Stat(c.path(name)); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.WriteFile(c.path(name), []byte(text), 0o640); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	for _, dir := range []string{"/var/lib/lxc", "/run/lxc", "/run/pve", LockDirectory, "/var/lib/vz/template/cache"} {
		if err := os.MkdirAll(h.Path(dir), 0o755); err != nil {
			return fmt.Errorf("make the host's directories: %w", err)
		}
	}
	if err := c.ShowMembers(); err != nil {
		return err
	}
	return c.Refresh()
}

const storageConfig = `dir: local
	path /var/lib/vz
	content iso,vztmpl,backup

dir: local-ct
	path /var/lib/vz
	content rootdir,images
`

const users = `user:root@pam:1:0:::root@localhost:::

pool:berthpool::::
`

func (c *Cluster) path(parts ...string) string {
	return c.host.Path(filepath.Join(append([]string{base}, parts...)...))
}

// ConfigName returns the name that PVE gives a container's configuration, relative to /etc/pve.
func (c *Cluster) ConfigName(id string) string {
	return fmt.Sprintf("nodes/%s/lxc/%s.conf", c.host.Node, id)
}

// ConfigPath returns the path of a container's configuration.
func (c *Cluster) ConfigPath(id string) string { return c.path(c.ConfigName(id)) }
