//go:build linux

package hook

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/host"
	"github.com/berth-oci/berth/integration/pve/lxc"
	"github.com/berth-oci/berth/integration/pve/volume"
)

// postStop unmounts the container's root, applies pending changes, and turns a reboot from inside
// into a stop and a start. The unit's stop wrapper does the start.
func postStop(c *call) error {
	host.Spend(c.host.Settings.Latency.PostStop)
	conf, ok, err := c.load()
	if !ok {
		return err
	}
	volume.UnmountAll(c.rootfs)
	for _, key := range conf.Keys() {
		index, isNet := strings.CutPrefix(key, "net")
		device := "veth" + c.id + "i" + index
		if _, err := os.Stat("/sys/class/net/" + device); isNet && err == nil {
			_ = exec.Command("ip", "link", "delete", "dev", device).Run()
		}
	}
	if conf.ApplyPending() {
		if err := c.cluster.Write(c.id, conf); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		if err := lxc.WriteConfig(c.host, c.id, &conf.Section); err != nil {
			return err
		}
	}
	if os.Getenv("LXC_TARGET") != "reboot" {
		return nil
	}
	if err := os.WriteFile(filepath.Join(c.host.LXCPath(), c.id, "reboot"), nil, 0o644); err != nil {
		return fmt.Errorf("failed to create reboot trigger file: %w", err)
	}
	return failure.New("CT %s reboots", c.id)
}

// stopWrapper is the unit's ExecStop. It restarts the container after a reboot, and stops it if
// systemd stops the unit.
func stopWrapper(h *host.Host, arguments []string) error {
	if len(arguments) != 1 || strings.Trim(arguments[0], "0123456789") != "" {
		return nil
	}
	id := arguments[0]
	host.Spend(h.Settings.Latency.StopWrapper)
	if _, err := os.Stat(h.Path("/etc/pve/lxc/" + id + ".conf")); err != nil {
		return nil
	}
	if os.Remove(filepath.Join(h.LXCPath(), id, "reboot")) == nil {
		return exec.Command("systemctl", "--no-block", "restart", "pve-container@"+id+".service").Run()
	}
	if os.Getenv("EXIT_CODE") != "exited" {
		return exec.Command("lxc-stop", "-n", id).Run()
	}
	return nil
}
