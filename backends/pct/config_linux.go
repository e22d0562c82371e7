package pct

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/lxcconf"
	"github.com/berth-oci/berth/spec"
)

// insideDir is the directory in the CT on which the stub init's directory is mounted. It is in the
// /dev that LXC creates, so nothing is added to the rootfs.
const insideDir = "/dev/.berth"

// postStopHook is Proxmox VE's hook that unmounts the rootfs.
const postStopHook = "/usr/share/lxc/hooks/lxc-pve-poststop-hook"

// The pre-start hook refuses a start by hand of a CT whose container is gone, and says which
// container it was. LXC discards a hook's output, so the hook writes to LXC's stderr, a file that
// Proxmox VE shows. LXC goes on writing to that file at its own offset, and overwrites the spaces
// with which the hook's message begins.

// config returns the LXC configuration that the CT's configuration includes. It is read after
// Proxmox VE's generated lines, and takes back those that are meant for a CT with an init system.
func (e *Enclosure) config(j *enclosure.Job) *lxcconf.Config {
	c := &lxcconf.Config{}
	for _, key := range []string{
		"lxc.mount.auto", "lxc.mount.entry", "lxc.environment", "lxc.hook.mount", "lxc.hook.autodev",
		"lxc.seccomp.profile", "lxc.cap.drop",
		// Limits and device policy come from the OCI config. berth applies them.
		"lxc.cgroup2", "lxc.idmap",
	} {
		c.Clear(key)
	}
	if !asksForNetwork(j.Spec) {
		c.Clear("lxc.net")
	}
	if _, kind := spec.Namespace(j.Spec, specs.UTSNamespace); kind != spec.New {
		// LXC would rename the host.
		c.Clear("lxc.uts.name")
	}
	// A user namespace cannot mount a procfs for a pid namespace that it does not own, or a sysfs
	// for a network namespace that it does not own.
	if !j.OwnPIDs() {
		c.Set("lxc.mount.entry", "/proc proc none rbind,create=dir 0 0")
	} else {
		c.Set("lxc.mount.auto", "proc:rw")
	}
	if _, kind := spec.Namespace(j.Spec, specs.NetworkNamespace); kind != spec.New && len(j.UIDMap) > 0 {
		c.Set("lxc.mount.entry", "/sys sys none rbind,create=dir 0 0")
	} else {
		c.Set("lxc.mount.auto", "sys:rw")
	}
	c.Set("lxc.autodev", "1")
	e.cgroups(c, j)
	c.Set("lxc.hook.pre-start", lxcconf.Hook("test -S "+filepath.Join(j.StubInitDir(), enclosure.StubInitSocket)+
		" || { printf \"%1024s%s\\n\" \"\" \"this is OCI container "+j.ID+" of berth: start it through its container engine\" >>/proc/$PPID/fd/2; exit 1; }"))
	if _, err := os.Stat(postStopHook); err == nil {
		// LXCFS has a post-stop hook that sleeps for half a second. That is useless for a container
		// that never reboots.
		c.Clear("lxc.hook.post-stop")
		c.Set("lxc.hook.post-stop", postStopHook)
	}
	c.Common(j, insideDir, ",create=dir")
	e.addLines(c, j.Spec)
	return c
}

// emptyArchive returns the path of the template for pct create. It is empty because nothing may be
// added to a rootfs that exists. All containers of a state directory share it: a path with a
// container's id could be longer than the 255 bytes that pct accepts. Its name is not a valid id.
func emptyArchive(root string) string { return filepath.Join(root, "@empty.tar") }

// makeEmptyArchive writes the file unless it exists.
func makeEmptyArchive(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	var data bytes.Buffer
	if err := tar.NewWriter(&data).Close(); err != nil {
		return fmt.Errorf("write the empty template for pct create: %w", err)
	}
	if err := renameio.WriteFile(path, data.Bytes(), 0o600, renameio.WithTempDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("write the empty template for pct create: %w", err)
	}
	return nil
}
