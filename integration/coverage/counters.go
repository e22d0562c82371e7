//go:build coverage && linux

// Package coverage is built into a berth that measures which of its code runs. Go writes a
// program's counters when it exits. It does not write them when the program executes another one or
// is killed, as happens with the first process of each container.
package coverage

import (
	"fmt"
	"os"
	"runtime/coverage"
	"time"

	"golang.org/x/sys/unix"
)

// dir is where test hosts keep the counters. Engines call berth without their own environment.
const dir = "/coverage"

// high is above the descriptors that an engine passes on.
const high = 500

func init() {
	if os.Getenv("GOCOVERDIR") == "" {
		os.Setenv("GOCOVERDIR", dir)
	}
	// Open the file while the directory is visible, because a container's process has another root.
	// integration/cover replaces the @ when all counters are written.
	name := fmt.Sprintf("%s/covcounters.@.%d.%d", os.Getenv("GOCOVERDIR"), os.Getpid(), time.Now().UnixNano())
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return // exits are still counted
	}
	defer f.Close()
	if fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, high); err == nil {
		go write(fd)
	}
}

// write keeps the file up to date with the counters until berth closes the descriptor.
func write(fd int) {
	for wait := 2 * time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		time.Sleep(wait)
		if _, err := unix.Seek(fd, 0, unix.SEEK_SET); err != nil {
			return
		}
		if err := coverage.WriteCounters(writer(fd)); err != nil {
			return
		}
	}
}

// writer writes to a descriptor and never closes it.
type writer int

func (w writer) Write(p []byte) (int, error) { return unix.Write(int(w), p) }
