//go:build linux

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroupMount is where a trial mounts its cgroup if it compares limits.
const cgroupMount = "/sys/fs/cgroup"

// notSettings are writable files of a cgroup that hold no setting of the container: its members,
// its events, and what applies to the cgroups below it.
var notSettings = []string{"cgroup.procs", "cgroup.threads", "cgroup.kill", "cgroup.freeze", "cgroup.subtree_control", "cgroup.type", "memory.reclaim"}

// limits records each setting of the cgroup.
func (f facts) limits() {
	var fs unix.Statfs_t
	if err := unix.Statfs(cgroupMount, &fs); err != nil || fs.Type != unix.CGROUP2_SUPER_MAGIC {
		return
	}
	files, _ := os.ReadDir(cgroupMount)
	for _, file := range files {
		info, err := file.Info()
		name := file.Name()
		if err != nil || !info.Mode().IsRegular() || info.Mode()&0o200 == 0 || slices.Contains(notSettings, name) ||
			strings.HasSuffix(name, ".pressure") || strings.HasSuffix(name, ".peak") {
			continue
		}
		f["cgroup "+name] = strings.TrimSpace(read(filepath.Join(cgroupMount, name)))
	}
}
