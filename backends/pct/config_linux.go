package pct

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/enclosing"
	"github.com/berth-oci/berth/backends/lxc"
	"github.com/berth-oci/berth/spec"
)

// insideDir is where the stub init's directory is mounted in the CT, below the
// /dev that LXC makes, so that nothing gets into the rootfs.
const insideDir = "/dev/.berth"

// postStopHook is Proxmox VE's own, which unmounts the rootfs.
const postStopHook = "/usr/share/lxc/hooks/lxc-pve-poststop-hook"

// The pre-start hook tells who starts a CT by hand, whose container has gone, what
// it is. LXC swallows what a hook prints, so it writes to LXC's stderr, which
// Proxmox VE shows: a file in which LXC goes on writing at its own offset, over
// the spaces that come first.

// config is what the CT's configuration includes. It comes after what Proxmox
// VE generates, and takes back what that sets for a CT with an init system.
func (e *Enclosure) config(j *enclosing.Job) *lxc.Config {
	c := &lxc.Config{}
	for _, key := range []string{
		"lxc.mount.auto", "lxc.mount.entry", "lxc.environment", "lxc.hook.mount", "lxc.hook.autodev",
		"lxc.seccomp.profile", "lxc.cap.drop",
		// Limits and device policy are the OCI config's, which berth applies.
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
	// In a user namespace no procfs can be made of a pid namespace that is not its
	// own, and no sysfs of such a network namespace.
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
	c.Set("lxc.hook.pre-start", lxc.Hook("test -S "+filepath.Join(j.StubInitDir(), enclosing.StubInitSocket)+
		" || { printf \"%1024s%s\\n\" \"\" \"this is OCI container "+j.ID+" of berth: start it through its container engine\" >>/proc/$PPID/fd/2; exit 1; }"))
	if _, err := os.Stat(postStopHook); err == nil {
		// lxcfs has a hook of its own there, which sleeps for half a second
		// to no end in a container that never reboots.
		c.Clear("lxc.hook.post-stop")
		c.Set("lxc.hook.post-stop", postStopHook)
	}
	if err := lxc.Inside(c, j, insideDir, ",create=dir"); err != nil {
		return lxc.Broken(err)
	}
	e.addLines(c, j.Spec)
	return c
}

// emptyArchive is the template that pct create wants: a rootfs that exists must
// get nothing from it. It is all containers' of a state directory, for a path
// with a container's id in it could be longer than the 255 bytes that pct takes;
// its name is no valid id.
func emptyArchive(root string) string { return filepath.Join(root, "@empty.tar") }

// makeEmptyArchive writes the file unless it is there.
func makeEmptyArchive(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	var data bytes.Buffer
	if err := tar.NewWriter(&data).Close(); err != nil {
		return fmt.Errorf("empty template: %w", err)
	}
	if err := renameio.WriteFile(path, data.Bytes(), 0o600, renameio.WithTempDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("empty template: %w", err)
	}
	return nil
}
