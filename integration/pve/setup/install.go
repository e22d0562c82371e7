//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/berth-oci/berth/integration/pve/hook"
	"github.com/berth-oci/berth/integration/pve/host"
	"github.com/berth-oci/berth/integration/pve/lxc"
)

const installedProgram = "/usr/sbin/pct"

// unit is the unit template for a container's lxc-start. It takes two words: a note for the
// description and further options. Proxmox's unit sets no start limit of its own, so systemd's
// default (five starts in ten seconds) applies to a CT there. The stand-in's unit switches the
// limit off.
const unit = `[Unit]
Description=PVE LXC Container%s: %%i (stand-in)
DefaultDependencies=No
After=lxc.service
Documentation=man:lxc-start man:lxc
StartLimitIntervalSec=0

[Service]
Type=simple
Delegate=yes
KillMode=mixed
TimeoutStopSec=120s
ExecStart=/usr/bin/lxc-start -F -n %%i%s
ExecStop=/usr/share/lxc/pve-container-stop-wrapper %%i
StandardOutput=null
StandardError=file:/run/pve/ct-%%i.stderr
`

// install installs pct, the links for the hooks, and the units.
func install(h *host.Host, program string) error {
	if err := copyProgram(program, h.Path(installedProgram)); err != nil {
		return fmt.Errorf("install pct: %w", err)
	}
	directories := map[string]string{"pveversion": "/usr/bin"}
	for _, name := range hook.Programs() {
		directories[name] = filepath.Dir(lxc.NetworkScript)
	}
	for _, name := range lxc.Hooks {
		directories[name] = lxc.HookDirectory
	}
	for name, directory := range directories {
		if err := os.MkdirAll(h.Path(directory), 0o755); err != nil {
			return fmt.Errorf("install the hooks: %w", err)
		}
		link := h.Path(filepath.Join(directory, name))
		_ = os.Remove(link)
		if err := os.Symlink(installedProgram, link); err != nil {
			return fmt.Errorf("install the hooks: %w", err)
		}
	}
	units := map[string]string{
		"pve-container@.service":       fmt.Sprintf(unit, "", ""),
		"pve-container-debug@.service": fmt.Sprintf(unit, " (debug)", " -o /dev/stderr -l DEBUG"),
	}
	for name, text := range units {
		if err := writeFile(h.Path("/etc/systemd/system/"+name), text); err != nil {
			return fmt.Errorf("install the units: %w", err)
		}
	}
	// /run is empty after a boot, and the units write there.
	if err := writeFile(h.Path("/etc/tmpfiles.d/pve-standin.conf"), "d /run/pve 0755\nd /run/lxc 0755\n"); err != nil {
		return fmt.Errorf("install the directories of /run: %w", err)
	}
	if h.HasSystemd() {
		if output, err := exec.Command("systemctl", "daemon-reload").CombinedOutput(); err != nil {
			return fmt.Errorf("reload systemd: %w: %s", err, output)
		}
	}
	return nil
}

func writeFile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// copyProgram replaces the target atomically, because it may be running.
func copyProgram(source, target string) error {
	from, err := os.Open(source)
	if err != nil {
		return err
	}
	defer from.Close()
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	to, err := os.OpenFile(target+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		_ = to.Close()
		return err
	}
	if err := to.Close(); err != nil {
		return err
	}
	return os.Rename(target+".new", target)
}
