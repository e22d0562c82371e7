// Package pct is the backend that runs a container as a Proxmox VE container.
package pct

import (
	"os"
	"os/exec"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing"
	"github.com/berth-oci/berth/backends/lxc"
)

// New is the pct backend.
func New() backends.Backend { return enclosing.Backend{Enclosure: Enclosure{}} }

// Enclosure makes Proxmox VE containers.
type Enclosure struct{ lxc.Enclosure }

// Name is "pct".
func (Enclosure) Name() string { return "pct" }

// OnProxmox says whether this host is a node of Proxmox VE.
func OnProxmox() bool {
	if _, err := exec.LookPath("pct"); err != nil {
		return false
	}
	_, err := os.Stat("/etc/pve/.vmlist")
	return err == nil
}
