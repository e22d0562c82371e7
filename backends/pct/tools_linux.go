package pct

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/lxcconf"
)

// Versions returns pct, which has no version of its own, Proxmox VE's manager, and LXC.
func (e *Enclosure) Versions() ([]backends.Tool, error) {
	path, err := find(e.settings.Path)
	if err != nil {
		return nil, err
	}
	tools := []backends.Tool{{Name: "pct", Path: path}}
	manager, err := managerVersion()
	if manager.Path != "" {
		tools = append(tools, manager)
	}
	starter, startErr := lxcconf.Version()
	if starter.Path != "" {
		tools = append(tools, starter)
	}
	return tools, errors.Join(err, startErr)
}

// managerVersion runs pveversion(1), which prints "pve-manager/9.1.1/42db4a6cf33dac83 (running
// kernel: 6.17.2-1-pve)". The result has no path if pveversion is missing.
func managerVersion() (backends.Tool, error) {
	tool := backends.Tool{Name: "pve-manager"}
	path, err := exec.LookPath("pveversion")
	if err != nil {
		return tool, nil
	}
	tool.Path = path
	cmd := exec.Command(path)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	out, err := cmd.Output()
	if err != nil {
		return tool, fmt.Errorf("version of Proxmox VE: %s: %w", path, err)
	}
	if parts := strings.Split(string(out), "/"); len(parts) == 3 && parts[0] == tool.Name {
		tool.Version = parts[1]
	}
	return tool, nil
}
