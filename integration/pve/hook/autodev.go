//go:build linux

package hook

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/host"
	"github.com/berth-oci/berth/integration/pve/lxc"
)

// autodev bind-mounts the passed-through devices into the container's new /dev.
func autodev(c *call) error {
	host.Spend(c.host.Settings.Latency.Autodev)
	directory := filepath.Join(c.host.LXCPath(), c.id, "passthrough")
	list, err := os.ReadFile(filepath.Join(directory, deviceList))
	if err != nil {
		return failure.New("no list of devices: %v", err)
	}
	for line := range strings.Lines(string(list)) {
		device, err := lxc.DevicePath(strings.TrimSpace(line))
		if err != nil {
			return err
		}
		source := filepath.Join(directory, device)
		target := filepath.Join(c.mount, device)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		file, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return failure.New("Could not mknod %s: %v", target, err)
		}
		_ = file.Close()
		if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
			return failure.New("Bind mount of device %s into container failed: %v", device, err)
		}
	}
	return nil
}
