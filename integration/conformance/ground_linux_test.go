//go:build linux && integration

package conformance

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/executable"
)

// namespaces is the pid of a process in its own namespaces, for trials that join them.
var namespaces int

func shared() string { return filepath.Join(workDir, "shared") }

// prepareGround makes what all trials use: the two programs that every root contains, a shared
// mount with another mount in it, and namespaces to join.
func prepareGround(t *testing.T) {
	t.Helper()
	for name, from := range map[string]string{"probe": *probe, "busybox": "/usr/share/berth-test/rootfs/bin/busybox"} {
		data, err := os.ReadFile(from)
		if err == nil {
			err = executable.Write(filepath.Join(workDir, name), data)
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
	for begin := time.Now(); namespaces == 0; time.Sleep(5 * time.Millisecond) {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", c.Process.Pid, c.Process.Pid))
		pid, _ := strconv.Atoi(strings.TrimSpace(string(children)))
		if comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); string(comm) == "sleep\n" {
			namespaces = pid
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatal("no namespaces to join")
		}
	}
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
	return errors.Join(append(errs, os.Link(filepath.Join(workDir, "probe"), filepath.Join(root, "probe")),
		os.Link(filepath.Join(workDir, "busybox"), filepath.Join(root, "bin/busybox")), os.Chmod(filepath.Join(root, "tmp"), 0o1777))...)
}
