//go:build coverage && linux

// Package coverage is in a berth that is built to measure what of it runs. Go
// writes a program's counters when it exits: not when it becomes another one by
// an exec, or is killed, as the first process of each container is.
package coverage

import (
	"fmt"
	"os"
	"runtime/coverage"
	"time"

	"golang.org/x/sys/unix"
)

// dir is where test hosts have the counters: engines call berth without their
// environment.
const dir = "/coverage"

// high is above the descriptors that an engine passes on.
const high = 500

func init() {
	if os.Getenv("GOCOVERDIR") == "" {
		os.Setenv("GOCOVERDIR", dir)
	}
	// Opened while the directory can be seen: a container's process has a root of
	// its own. What is in place of the @ is known when all is written.
	name := fmt.Sprintf("%s/covcounters.@.%d.%d", os.Getenv("GOCOVERDIR"), os.Getpid(), time.Now().UnixNano())
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return // exits are counted still
	}
	defer f.Close()
	if fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, high); err == nil {
		go write(fd)
	}
}

// write keeps the file at the counters of the moment until berth closes it.
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

// writer writes to a descriptor without ever closing it.
type writer int

func (w writer) Write(p []byte) (int, error) { return unix.Write(int(w), p) }
