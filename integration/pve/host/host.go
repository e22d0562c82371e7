// Package host holds the paths and settings of the stand-in.
//
// All paths are below one root, normally "/". Messages always show the path as Proxmox VE would,
// without the root.
package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// RootVariable is the environment variable that moves the whole stand-in below a directory.
const RootVariable = "PVE_STANDIN_ROOT"

// Host is one stand-in node.
type Host struct {
	Root     string
	Node     string
	Settings Settings
}

// Open reads the settings below root. If root is empty it takes the root from the environment, or
// "/".
func Open(root string) (*Host, error) {
	if root == "" {
		root = os.Getenv(RootVariable)
	}
	if root == "" {
		root = "/"
	}
	h := &Host{Root: filepath.Clean(root)}
	settings, err := readSettings(h.Path(SettingsFile))
	if err != nil {
		return nil, err
	}
	h.Settings = settings
	if h.Node = settings.Node; h.Node == "" {
		name, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("find the node's name: %w", err)
		}
		h.Node, _, _ = strings.Cut(name, ".")
	}
	return h, nil
}

// Path returns the real path of the node's absolute path p.
func (h *Host) Path(p string) string {
	if h.Root == "/" {
		return p
	}
	return filepath.Join(h.Root, p)
}

// Rooted returns true if the stand-in is below its own directory, as in unit tests.
func (h *Host) Rooted() bool { return h.Root != "/" }

// LXCPath returns the directory of LXC's containers.
func (h *Host) LXCPath() string { return h.Path("/var/lib/lxc") }

// HasSystemd returns true if PID 1 is systemd (sd_booted(3)) and units may be started.
func (h *Host) HasSystemd() bool {
	if h.Rooted() {
		return false
	}
	info, err := os.Lstat("/run/systemd/system")
	return err == nil && info.IsDir()
}
