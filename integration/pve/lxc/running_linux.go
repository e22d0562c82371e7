// Package lxc handles the LXC side of a container: it generates PVE's configuration, starts,
// watches and stops.
package lxc

import (
	"bufio"
	"os"
	"strings"

	"github.com/berth-oci/berth/integration/pve/host"
)

// Running returns the IDs of containers whose monitors listen on LXC's command socket. PVE calls
// those running.
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

// IsRunning returns true if the container is in Running.
func IsRunning(h *host.Host, id string) bool { return Running(h)[id] }
