//go:build linux && integration

package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

// footprint counts what can grow unseen on a host. Its memory is the memory of the host's processes
// and tmpfs, which nothing outside the host changes. The machine's available memory is only
// reported.
type footprint struct {
	processes, descriptors, mounts, cgroups, dying int
	pss, tmpfs                                     int64 // KiB
	available, slab                                int64 // KiB, of the whole machine
	records                                        int
}

func takeFootprint(root string) footprint {
	var f footprint
	for _, p := range suite.Processes() {
		if p.Pid == 2 || p.Parent == 2 || suite.Own(p.Pid) {
			continue
		}
		f.processes++
		if p.Pid != os.Getpid() {
			f.pss += keyed(fmt.Sprintf("/proc/%d/smaps_rollup", p.Pid), "Pss:")
		}
		fds, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Pid))
		f.descriptors += len(fds)
	}
	f.mounts = lines("/proc/self/mountinfo")
	f.cgroups = int(keyed("/sys/fs/cgroup/cgroup.stat", "nr_descendants"))
	f.dying = int(keyed("/sys/fs/cgroup/cgroup.stat", "nr_dying_descendants"))
	for _, dir := range []string{"/run", "/dev/shm"} {
		var st unix.Statfs_t
		if unix.Statfs(dir, &st) == nil && st.Type == unix.TMPFS_MAGIC {
			f.tmpfs += int64(st.Blocks-st.Bfree) * st.Bsize / 1024
		}
	}
	f.available, f.slab = keyed("/proc/meminfo", "MemAvailable:"), keyed("/proc/meminfo", "SUnreclaim:")
	found, _ := filepath.Glob(filepath.Join(root, "*"))
	f.records = len(found)
	return f
}

func (f footprint) String() string {
	return fmt.Sprintf("%d processes with %d KiB (Pss) and %d descriptors, %d mounts, %d cgroups (%d dying), %d KiB in tmpfs, %d entries in the state directory; machine: %d MiB available, %d MiB of slab",
		f.processes, f.pss, f.descriptors, f.mounts, f.cgroups, f.dying, f.tmpfs, f.records, f.available/1024, f.slab/1024)
}

// await takes a new footprint and returns what has grown since f and does not shrink by itself.
// systemd and the kernel take some time to clean up.
func (f footprint) await(root string) (now footprint, grown []string) {
	suite.Becomes(suite.Patience, func() bool {
		now = takeFootprint(root)
		grown = now.grown(f)
		return len(grown) == 0
	})
	return now, grown
}

// grown returns what has grown since an earlier footprint, apart from what the host's own programs
// change.
func (f footprint) grown(at footprint) []string {
	var list []string
	more := func(what string, now, before, allowed int64) {
		if now > before+allowed {
			list = append(list, fmt.Sprintf("%s: %d at first, %d afterwards", what, before, now))
		}
	}
	more("processes", int64(f.processes), int64(at.processes), 2)
	more("descriptors", int64(f.descriptors), int64(at.descriptors), 24)
	more("mounts", int64(f.mounts), int64(at.mounts), 0)
	more("cgroups", int64(f.cgroups), int64(at.cgroups), 1)
	more("removed cgroups that the kernel still holds", int64(f.dying), int64(at.dying), 16)
	more("entries in the state directory", int64(f.records), int64(at.records), 0)
	more("KiB of the host's processes", f.pss, at.pss, 16<<10)
	more("KiB in tmpfs", f.tmpfs, at.tmpfs, 8<<10)
	return list
}

// keyed returns the number after a word at the start of a line, or 0 if no line has that word.
func keyed(file, word string) int64 {
	data, _ := os.ReadFile(file)
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) > 1 && fields[0] == word {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			return n
		}
	}
	return 0
}

func lines(file string) int {
	data, _ := os.ReadFile(file)
	return strings.Count(string(data), "\n")
}
