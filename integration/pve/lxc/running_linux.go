// Package lxc runs a container's LXC: the configuration that PVE generates, starting, watching, stopping.
package lxc

import (
	"bufio"
	"os"
	"strings"

	"github.com/berth-oci/berth/integration/pve/host"
)

// Running are the IDs whose monitors listen on LXC's command socket. That is PVE's notion of running.
func Running(h *host.Host) map[string]bool {
	ids := map[string]bool{}
	file, err := os.Open("/proc/net/unix")
	if err != nil {
		return ids
	}
	defer file.Close()
	prefix := "@" + h.LXCPath() + "/"
	for lines := bufio.NewScanner(file); lines.Scan(); {
		_, name, ok := strings.Cut(lines.Text(), " "+prefix)
		if !ok {
			continue
		}
		if id, ok := strings.CutSuffix(name, "/command"); ok {
			ids[id] = true
		}
	}
	return ids
}

// IsRunning says so of one container.
func IsRunning(h *host.Host, id string) bool { return Running(h)[id] }
