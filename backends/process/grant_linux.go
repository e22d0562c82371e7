package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// Grant does for process pid what only the host may do: it raises the hard limits that the spec wants higher than they
// are (CAP_SYS_RESOURCE counts in the initial user namespace only), and sets the OOM score, which a process that is not
// dumpable cannot set for itself. pid is a child of the caller, or otherwise known not to be reused.
//
// Soft limits stay as they are: the process is not the user's program yet, and works on under them.
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
		return spec.Fieldf("process.oomScoreAdj", "set to %d (to lower it needs CAP_SYS_RESOURCE): %w", adj, err)
	}
	if err != nil {
		return spec.Fieldf("process.oomScoreAdj", "set to %d: %w", adj, err)
	}
	return nil
}

// GrantChild is Grant for a child of Fork that waits at its gate: it has berth's own limits still, and sets those that
// it can itself.
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

// Schedule gives a child of Fork its scheduler. Some schedulers forbid a process to have children, or do not become
// theirs (sched(7)), so that it is the program's process that gets it.
func (a *Attributes) Schedule(pid int) error { return a.setScheduler(pid) }
