package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/freebsd/host"
)

// inside returns the processes whose root is the jail's.
func inside(j *host.Jail) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if root, err := os.Readlink("/proc/" + e.Name() + "/root"); err == nil && root == j.Path {
			pids = append(pids, pid)
		}
	}
	return pids
}

// killAll kills all processes in a jail, as jail_remove(2) does.
func killAll(j *host.Jail) {
	for range 100 {
		pids := inside(j)
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

func ps(h *host.Host, args []string) (string, error) {
	if len(args) != 5 || strings.Join(args[:4], " ") != "-x -o pid= -J" {
		return "", errors.New("usage: ps")
	}
	for _, j := range h.Jails {
		if strconv.Itoa(j.JID) != args[4] {
			continue
		}
		var out strings.Builder
		for _, pid := range inside(j) {
			fmt.Fprintf(&out, "%5d\n", pid)
		}
		if out.Len() == 0 {
			return "", errSilent
		}
		return out.String(), nil
	}
	// A jid without a jail has no processes.
	return "", errSilent
}
