// Package cgroup chooses a container's cgroup, applies its limits, and kills all processes in it.
// It supports cgroup v2 only (kernel documentation, admin-guide/cgroup-v2).
package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/opencontainers/cgroups"
	_ "github.com/opencontainers/cgroups/devices" // the device policy, as BPF
	"github.com/opencontainers/cgroups/fs2"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/procfs"
)

// Mount is the mount point of cgroup v2 on every supported host.
const Mount = "/sys/fs/cgroup"

// ErrNotUnified is returned if the host does not use cgroup v2 only.
var ErrNotUnified = errors.New("the host does not use cgroup v2 alone")

// CheckUnified returns ErrNotUnified on a host with cgroup v1 or a hybrid hierarchy.
func CheckUnified() error {
	var st unix.Statfs_t
	if err := unix.Statfs(Mount, &st); err != nil {
		return fmt.Errorf("%s: %w", Mount, err)
	}
	if st.Type != unix.CGROUP2_SUPER_MAGIC {
		return fmt.Errorf("%w: %s is not a cgroup2 mount; boot with systemd.unified_cgroup_hierarchy=1, or use the crun or runc backend", ErrNotUnified, Mount)
	}
	return nil
}

// ID returns the identity (inode number) of a cgroup, which no other cgroup gets while the host
// runs. It returns 0 for a missing cgroup.
func ID(path string) uint64 {
	info, err := os.Stat(filepath.Join(Mount, path))
	if err != nil {
		return 0
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// ErrTaken is returned if a container cannot have a cgroup because the cgroup exists already.
var ErrTaken = errors.New("it belongs to another container, or was left behind by one")

// CheckFree returns an error that wraps ErrTaken if a cgroup, or anything else, exists at path.
func CheckFree(path string) error {
	if _, err := os.Lstat(filepath.Join(Mount, path)); gone(err) {
		return nil
	} else if err != nil {
		return fmt.Errorf("cgroup %s: %w", path, err)
	}
	if pids, err := Processes(path); err == nil && len(pids) > 0 {
		return fmt.Errorf("container's cgroup is not empty: %d process(es) found in cgroup %s: %w", len(pids), path, ErrTaken)
	}
	if frozen, err := Frozen(path); err == nil && frozen {
		return fmt.Errorf("container's cgroup unexpectedly frozen: cgroup %s: %w", path, ErrTaken)
	}
	return fmt.Errorf("cgroup %s exists already: %w", path, ErrTaken)
}

// prepare enables the controllers for a cgroup that another program will make, and holds the
// cgroup's parent until the returned Closer is closed. path is relative to Mount.
func prepare(path string) (io.Closer, error) {
	dir := filepath.Join(Mount, path)
	if err := CheckFree(path); err != nil {
		return nil, err
	}
	hold, err := holdParent(path)
	if err != nil {
		return nil, err
	}
	err = fs2.CreateCgroupPath(dir, &cgroups.Cgroup{Resources: &cgroups.Resources{}})
	if err == nil {
		err = unix.Rmdir(dir)
	}
	if err != nil {
		hold.Close()
		return nil, fmt.Errorf("prepare cgroup %s: %w", path, err)
	}
	return hold, nil
}

// Make makes a cgroup and opens it, so that a process can be forked into it (clone3(2),
// CLONE_INTO_CGROUP).
func Make(path string) (*os.File, error) {
	dir := filepath.Join(Mount, path)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("make cgroup %s: %w", path, err)
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open cgroup %s: %w", path, err)
	}
	return f, nil
}

// Limit applies resources to an existing cgroup. Errors name the JSON path. If the cgroup lacks a
// controller or a file, the error is of type Lacks.
func Limit(path string, r *cgroups.Resources) error {
	m, err := fs2.NewManager(&cgroups.Cgroup{Resources: r}, filepath.Join(Mount, path))
	if err != nil {
		return fmt.Errorf("cgroup %s: %w", path, err)
	}
	return explained(path, r, m.Set(r))
}

// LimitInner applies to a container's cgroup the limits that a cgroup above it already has. The
// container can then read its limits, and the kernel counts their effects in the cgroup that
// engines look at. The cgroups above must not contain processes themselves (cgroup v2's "no
// internal processes" rule).
func LimitInner(path string, r *cgroups.Resources) error {
	if !hasAll(path) {
		if err := fs2.CreateCgroupPath(filepath.Join(Mount, path), &cgroups.Cgroup{Resources: r}); err != nil {
			return fmt.Errorf("enable the controllers of cgroup %s: %w", path, err)
		}
	}
	inner := *r
	inner.SkipDevices = true
	return Limit(path, &inner)
}

// hasAll reports whether a cgroup has every controller of the kernel.
func hasAll(path string) bool {
	const file = "cgroup.controllers"
	all, err := os.ReadFile(filepath.Join(Mount, file))
	if err != nil {
		return false
	}
	own, err := os.ReadFile(filepath.Join(Mount, path, file))
	return err == nil && bytes.Equal(own, all)
}

// Of returns the cgroup of a process, relative to Mount.
func Of(pid int) (string, error) { return procfs.Proc.Cgroup(pid) }

// Enter moves a process into a cgroup.
func Enter(path string, pid int) error {
	file := filepath.Join(Mount, path, "cgroup.procs")
	if err := os.WriteFile(file, []byte(strconv.Itoa(pid)), 0); err != nil {
		return fmt.Errorf("move the container's process into its cgroup: %w", err)
	}
	return nil
}

// Kill kills every process in a cgroup and below it. It ignores a missing cgroup.
func Kill(path string) error {
	err := os.WriteFile(filepath.Join(Mount, path, "cgroup.kill"), []byte("1"), 0)
	if err != nil && !gone(err) {
		return fmt.Errorf("kill what is in cgroup %s: %w", path, err)
	}
	return nil
}

// Processes returns the pids in a cgroup and below it, and none for a missing cgroup.
func Processes(path string) ([]int, error) {
	pids, err := cgroups.GetAllPids(filepath.Join(Mount, path))
	if gone(err) {
		return nil, nil
	}
	return pids, err
}

// Remove removes a cgroup and the cgroups below it, and kills the processes in them. It waits up to
// patience for the kernel to release the processes.
func Remove(path string) error {
	dir := filepath.Join(Mount, path)
	if filepath.Clean(dir) == Mount {
		return nil
	}
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if err = removeTree(dir); err == nil || !errors.Is(err, unix.EBUSY) {
			return err
		}
		if err := Kill(path); err != nil {
			return err
		}
	}
	return fmt.Errorf("remove cgroup %s: %w", path, err)
}

// withdraw removes a cgroup once it is empty. If processes are still in it after patience, it
// leaves the cgroup without an error, because then the processes are not the container's.
func withdraw(path string, remove func() error) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		pids, err := Processes(path)
		if err != nil {
			return fmt.Errorf("processes of cgroup %s: %w", path, err)
		}
		if len(pids) > 0 {
			continue
		}
		if err := remove(); !errors.Is(err, unix.EBUSY) {
			return err
		}
	}
	return nil
}

// patience is how long the kernel may take to release processes that have ended.
const patience = 5 * time.Second

func removeTree(dir string) error {
	err := unix.Rmdir(dir)
	if err == nil || gone(err) {
		return nil
	}
	entries, rerr := os.ReadDir(dir)
	if gone(rerr) {
		return nil
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err = unix.Rmdir(dir); gone(err) {
		return nil
	}
	return err
}

func gone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV)
}
