// Package cgroups gives unit tests real cgroups.
package cgroups

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	mount  = "/sys/fs/cgroup"
	marker = "BERTH_TEST_CGROUP_V2"
)

// Main runs the tests of a package where only cgroup v2 is mounted. On a host with cgroup v1 or
// both it starts the test program again in a mount namespace of its own, as integration/v2 does.
// The host's mounts stay as they are. Without root it runs the tests as they are.
func Main(m *testing.M) {
	if os.Geteuid() == 0 && !unified() && os.Getenv(marker) == "" {
		fmt.Fprintln(os.Stderr, "a mount namespace with cgroup v2:", again())
		os.Exit(2)
	}
	os.Exit(m.Run())
}

func unified() bool {
	var st unix.Statfs_t
	return unix.Statfs(mount, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC
}

// again returns only if it fails. The new program gets the namespaces of the thread that calls
// execve(2).
func again() error {
	runtime.LockOSThread()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount", err)
	}
	if err := unix.Mount("cgroup2", mount, "cgroup2", 0, ""); err != nil {
		return os.NewSyscallError("mount", err)
	}
	return unix.Exec(self, os.Args, append(os.Environ(), marker+"=1"))
}

// New makes a cgroup below the root and returns its path, relative to the mount. The test's end
// kills what is in the cgroup or below it and removes it. Without root the test is skipped.
func New(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("cgroups need root")
	}
	dir, err := os.MkdirTemp(mount, "berth-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0)
		deadline := time.Now().Add(10 * time.Second)
		for err = remove(dir); errors.Is(err, unix.EBUSY) && time.Now().Before(deadline); err = remove(dir) {
			time.Sleep(time.Millisecond)
		}
		if err != nil {
			t.Error(err)
		}
	})
	return "/" + filepath.Base(dir)
}

func remove(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return unix.Rmdir(dir)
}
