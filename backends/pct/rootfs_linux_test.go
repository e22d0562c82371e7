package pct

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/osthread"
)

// TestRootfs checks that Proxmox VE gets the container's own root if it can see that, and that
// nothing is added to it.
func TestRootfs(t *testing.T) {
	t.Parallel()
	j, _ := newJob(t)
	if got := rootfs(j); got != j.Rootfs {
		t.Errorf("%s, not %s", got, j.Rootfs)
	}
	if err := makeRootfs(j, j.Rootfs); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(j.Rootfs); err != nil || len(entries) > 0 {
		t.Errorf("the container's root has got %v (%v)", entries, err)
	}
	missing, _ := newJob(t)
	missing.Rootfs = "/nowhere/rootfs"
	if got := rootfs(missing); got != missing.Dir+"/rootfs" {
		t.Errorf("%s for a root that Proxmox VE does not see", got)
	}
}

// TestSameBelow checks that a root on a mount that only berth sees, as podman makes it, is told from
// one that other processes see, too.
func TestSameBelow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"root", "mounted"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	err := osthread.Run(func() error {
		if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
			return err
		}
		if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
			return err
		}
		if err := unix.Mount("none", dir+"/mounted", "tmpfs", 0, ""); err != nil {
			return err
		}
		// This is the root of the main thread, in the mount namespace outside.
		const other = "/proc/self/root"
		for name, want := range map[string]bool{"root": true, "mounted": false, "none": false} {
			if got := sameBelow(other, filepath.Join(dir, name)); got != want {
				t.Errorf("%s: %v", name, got)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestStandIn(t *testing.T) {
	t.Parallel()
	j, _ := newJob(t)
	j.UIDMap = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 10}}
	j.GIDMap = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 200000, Size: 10}}
	dir := standIn(j.Container)
	for range 2 { // a second call is no error
		if err := makeRootfs(j, dir); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"", "dev", "proc", "sys"} {
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 100000 || st.Gid != 200000 || info.Mode() != os.ModeDir|0o755 {
			t.Errorf("/%s is %v of %d:%d", name, info.Mode(), st.Uid, st.Gid)
		}
	}
	if err := mountPoints(dir, j.UIDMap, j.GIDMap); err != nil {
		t.Errorf("LXC cannot mount there: %v", err)
	}
	j.Dir, j.Root = "/nowhere/a", "/nowhere"
	if err := makeRootfs(j, standIn(j.Container)); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "as it cannot see "+j.Rootfs) {
		t.Errorf("%v", err)
	}
}
