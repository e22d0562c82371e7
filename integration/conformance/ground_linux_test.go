//go:build linux && integration

package conformance

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/executable"
	"github.com/berth-oci/berth/integration/suite"
)

// namespaces is the pid of a process in its own namespaces, for trials that join them.
var namespaces int

func shared() string { return filepath.Join(suite.Dir(), "shared") }

// prepareGround makes what all trials use: the two programs that every root contains, a shared
// mount with another mount in it, and namespaces to join.
func prepareGround(t *testing.T) {
	t.Helper()
	for name, from := range map[string]string{"probe": *probe, "busybox": "/usr/share/berth-test/rootfs/bin/busybox"} {
		data, err := os.ReadFile(from)
		if err == nil {
			err = executable.Write(filepath.Join(suite.Dir(), name), data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	inner := filepath.Join(shared(), "inner")
	err := errors.Join(os.MkdirAll(inner, 0o755), os.WriteFile(filepath.Join(shared(), "file"), []byte("shared\n"), 0o644),
		unix.Mount(shared(), shared(), "", unix.MS_BIND, ""), unix.Mount("", shared(), "", unix.MS_SHARED, ""),
		unix.Mount("tmpfs", inner, "tmpfs", unix.MS_NOSUID, "size=1m,mode=755"), os.WriteFile(filepath.Join(inner, "file"), nil, 0o644))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(shared(), unix.MNT_DETACH) })
	c := exec.Command("unshare", "--pid", "--fork", "--kill-child", "--net", "--ipc", "--uts", "--mount", "--cgroup", "--mount-proc", "sleep", "1000")
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	namespaces = 0
	suite.Eventually(t, "namespaces to join", func() bool {
		for _, p := range suite.Processes() {
			if p.Parent == c.Process.Pid && p.Comm == "sleep" {
				namespaces = p.Pid
			}
		}
		return namespaces != 0
	})
}

// newRoot creates a bundle's root file system.
func newRoot(root string) error {
	var errs []error
	for _, dir := range []string{"bin", "etc/deep", "proc", "sys", "dev", "tmp"} {
		errs = append(errs, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for name, text := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n", "etc/group": "root:x:0:\n", ".probe-here": "",
	} {
		errs = append(errs, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
	}
	return errors.Join(append(errs, os.Link(filepath.Join(suite.Dir(), "probe"), filepath.Join(root, "probe")),
		os.Link(filepath.Join(suite.Dir(), "busybox"), filepath.Join(root, "bin/busybox")), os.Chmod(filepath.Join(root, "tmp"), 0o1777))...)
}
