package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// Grant does for process pid what only the host can do. It raises the hard limits that are lower
// than the spec wants, because CAP_SYS_RESOURCE counts in the initial user namespace only. It sets
// the OOM score, because a process that is not dumpable cannot set its own. pid must be a child of
// the caller, or otherwise known not to be reused.
//
// Soft limits stay as they are, because the process still runs berth and would be subject to them.
func (a *Attributes) Grant(pid int) error {
	for _, l := range a.Limits {
		var now unix.Rlimit
		if err := unix.Prlimit(pid, l.Resource, nil, &now); err != nil {
			return fmt.Errorf("read %s of process %d: %w", l.Name, pid, err)
		}
		if l.Hard <= now.Max {
			continue
		}
		if err := unix.Prlimit(pid, l.Resource, &unix.Rlimit{Cur: now.Cur, Max: l.Hard}, nil); err != nil {
			return limitError(l, err)
		}
	}
	if a.OOMScoreAdj != nil {
		if err := setOOMScoreAdj(pid, *a.OOMScoreAdj); err != nil {
			return err
		}
	}
	return nil
}

func setOOMScoreAdj(pid, adj int) error {
	name := fmt.Sprintf("/proc/%d/oom_score_adj", pid)
	file, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err == nil {
		_, err = file.WriteString(strconv.Itoa(adj))
		if e := file.Close(); err == nil {
			err = e
		}
	}
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return spec.Fieldf("process.oomScoreAdj", "set to %d (lowering it requires CAP_SYS_RESOURCE): %w", adj, err)
	}
	if err != nil {
		return spec.Fieldf("process.oomScoreAdj", "set to %d: %w", adj, err)
	}
	return nil
}

// GrantChild does what Grant does for a child of Fork that waits on its sync socket. The child
// still has berth's own limits, and sets those that it can set itself.
func (a *Attributes) GrantChild(pid int) error {
	for _, l := range a.Limits {
		var own unix.Rlimit
		if err := unix.Getrlimit(l.Resource, &own); err != nil {
			return fmt.Errorf("read %s: %w", l.Name, err)
		}
		if l.Hard <= own.Max {
			continue
		}
		if err := unix.Prlimit(pid, l.Resource, &unix.Rlimit{Cur: min(own.Cur, l.Hard), Max: l.Hard}, nil); err != nil {
			return limitError(l, err)
		}
	}
	if a.OOMScoreAdj != nil {
		if err := setOOMScoreAdj(pid, *a.OOMScoreAdj); err != nil {
			return err
		}
	}
	return nil
}

// Schedule sets the scheduler of a child of Fork. Under some schedulers a process cannot fork, and
// some are not inherited by children (sched(7)), so pid must be the program's process and not the
// intermediate process.
func (a *Attributes) Schedule(pid int) error { return a.setScheduler(pid) }
