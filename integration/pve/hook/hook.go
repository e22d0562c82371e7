//go:build linux

// Package hook holds the programs that LXC and systemd call during a container's life: Proxmox's
// hooks, under Proxmox's names.
package hook

import (
	"fmt"
	"os"
	"strings"

	"github.com/berth-oci/berth/integration/pve/cluster"
	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/host"
)

// call is one invocation of a hook for a container.
type call struct {
	host    *host.Host
	cluster *cluster.Cluster
	id      string
	rootfs  string // LXC_ROOTFS_PATH
	mount   string // LXC_ROOTFS_MOUNT
}

var programs = map[string]func(*host.Host, []string) error{
	"lxc-pve-prestart-hook":      lxcHook("pre-start", preStart),
	"lxc-pve-autodev-hook":       lxcHook("autodev", autodev),
	"lxc-pve-poststop-hook":      lxcHook("post-stop", postStop),
	"lxcnetaddbr":                connectNetwork,
	"pve-container-stop-wrapper": stopWrapper,
}

// Programs returns the names that Run accepts.
func Programs() []string {
	names := make([]string, 0, len(programs))
	for name := range programs {
		names = append(names, name)
	}
	return names
}

// Is returns true if name is the name of a hook.
func Is(name string) bool { return programs[name] != nil }

// Run runs the hook of that name and returns its exit status.
func Run(h *host.Host, name string, arguments []string) int {
	if err := programs[name](h, arguments); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 255
	}
	return 0
}

// lxcHook checks the arguments from LXC (lxc.container.conf(5), hook version 0), and that they are
// about a CT.
func lxcHook(kind string, do func(*call) error) func(*host.Host, []string) error {
	return func(h *host.Host, arguments []string) error {
		if len(arguments) < 3 {
			return fmt.Errorf("missing hook parameters, expected to be called by lxc as hook")
		}
		id, section, given := arguments[0], arguments[1], arguments[2]
		if strings.Trim(id, "0123456789") != "" || section != "lxc" || given != kind {
			return nil
		}
		c := &call{
			host: h, cluster: cluster.Of(h), id: id,
			rootfs: os.Getenv("LXC_ROOTFS_PATH"), mount: os.Getenv("LXC_ROOTFS_MOUNT"),
		}
		if c.rootfs == "" || c.mount == "" {
			return fmt.Errorf("missing LXC_ROOTFS_PATH or LXC_ROOTFS_MOUNT env var")
		}
		return do(c)
	}
}

// load reads the container's configuration. ok is false if there is none, and then the hook has
// nothing to do.
func (c *call) load() (conf *ctconf.Config, ok bool, err error) {
	if _, err := os.Stat(c.cluster.ConfigPath(c.id)); err != nil {
		return nil, false, nil
	}
	conf, err = c.cluster.Load(c.id, func(line string) { fmt.Fprintln(os.Stderr, line) })
	return conf, err == nil, err
}
