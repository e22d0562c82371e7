package lxc

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const cgroupRoot = "/sys/fs/cgroup"

// controllers returns the root's cgroup v2 controllers, or nil if the hierarchy is not v2.
func controllers() map[string]bool {
	var fs unix.Statfs_t
	if unix.Statfs(cgroupRoot, &fs) != nil || fs.Type != unix.CGROUP2_SUPER_MAGIC {
		return nil
	}
	names := map[string]bool{}
	raw, _ := os.ReadFile(cgroupRoot + "/cgroup.controllers")
	for _, name := range strings.Fields(string(raw)) {
		names[name] = true
	}
	return names
}

// RemoveCgroups removes the cgroups that an earlier run of a container left behind.
func RemoveCgroups(id string) error {
	for _, parent := range []string{"lxc", "lxc.monitor"} {
		if err := removeTree(filepath.Join(cgroupRoot, parent, id)); err != nil {
			return err
		}
	}
	return nil
}

func removeTree(path string) error {
	entries, err := os.ReadDir(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeTree(filepath.Join(path, entry.Name())); err != nil {
				return err
			}
		}
	}
	return unix.Rmdir(path)
}

// WriteLimit writes a file in a running container's cgroup, for changes that take effect at once.
func WriteLimit(id, file, value string) error {
	return os.WriteFile(filepath.Join(cgroupRoot, "lxc", id, file), []byte(value), 0)
}

// randomCPUs picks count CPUs at random, as PVE does, and returns them as a cpuset list. It returns
// "" if the CPUs cannot be read.
func randomCPUs(count int) string {
	raw, err := os.ReadFile(cgroupRoot + "/lxc/cpuset.cpus.effective")
	if err != nil {
		raw, err = os.ReadFile(cgroupRoot + "/cpuset.cpus.effective")
	}
	if err != nil {
		return ""
	}
	var all []int
	for part := range strings.SplitSeq(strings.TrimSpace(string(raw)), ",") {
		first, last, span := strings.Cut(part, "-")
		low, _ := strconv.Atoi(first)
		high := low
		if span {
			high, _ = strconv.Atoi(last)
		}
		for cpu := low; cpu <= high; cpu++ {
			all = append(all, cpu)
		}
	}
	for len(all) > count {
		i := rand.IntN(len(all))
		all = append(all[:i], all[i+1:]...)
	}
	words := make([]string, len(all))
	for i, cpu := range all {
		words[i] = strconv.Itoa(cpu)
	}
	return strings.Join(words, ",")
}

// MemoryLimits returns memory.max and memory.high for a size in MiB. high is 1016/1024 of max, or
// max less 128 MiB if that is more.
func MemoryLimits(megabytes int64) (max, high int64) {
	max = megabytes << 20
	if megabytes >= 16<<10 {
		return max, (megabytes - 128) << 20
	}
	return max, megabytes * 1024 * 1016
}
