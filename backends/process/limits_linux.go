package process

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/process/nofile"
	"github.com/berth-oci/berth/spec"
)

// Limit is one resource limit of setrlimit(2).
type Limit struct {
	// Name is RLIMIT_NOFILE and the like. Resource is its number.
	Name     string `json:"name"`
	Resource int    `json:"resource"`
	Soft     uint64 `json:"soft"`
	Hard     uint64 `json:"hard"`
}

var resources = map[string]int{
	"RLIMIT_AS":         unix.RLIMIT_AS,
	"RLIMIT_CORE":       unix.RLIMIT_CORE,
	"RLIMIT_CPU":        unix.RLIMIT_CPU,
	"RLIMIT_DATA":       unix.RLIMIT_DATA,
	"RLIMIT_FSIZE":      unix.RLIMIT_FSIZE,
	"RLIMIT_LOCKS":      unix.RLIMIT_LOCKS,
	"RLIMIT_MEMLOCK":    unix.RLIMIT_MEMLOCK,
	"RLIMIT_MSGQUEUE":   unix.RLIMIT_MSGQUEUE,
	"RLIMIT_NICE":       unix.RLIMIT_NICE,
	"RLIMIT_NOFILE":     unix.RLIMIT_NOFILE,
	"RLIMIT_NPROC":      unix.RLIMIT_NPROC,
	"RLIMIT_RSS":        unix.RLIMIT_RSS,
	"RLIMIT_RTPRIO":     unix.RLIMIT_RTPRIO,
	"RLIMIT_RTTIME":     unix.RLIMIT_RTTIME,
	"RLIMIT_SIGPENDING": unix.RLIMIT_SIGPENDING,
	"RLIMIT_STACK":      unix.RLIMIT_STACK,
}

func (a *Attributes) takeLimits(p *specs.Process, _ *specs.Spec) error {
	seen := map[string]bool{}
	for i, l := range p.Rlimits {
		resource, ok := resources[l.Type]
		switch {
		case !ok:
			return spec.Fieldf(fmt.Sprintf("process.rlimits[%d].type", i), "unknown limit %q", l.Type)
		case seen[l.Type]:
			return spec.Fieldf(fmt.Sprintf("process.rlimits[%d].type", i), "%s is there twice", l.Type)
		case l.Soft > l.Hard:
			return spec.Fieldf(fmt.Sprintf("process.rlimits[%d].soft", i), "%d is more than the hard limit, %d", l.Soft, l.Hard)
		}
		seen[l.Type] = true
		a.Limits = append(a.Limits, Limit{Name: l.Type, Resource: resource, Soft: l.Soft, Hard: l.Hard})
	}
	if adj := p.OOMScoreAdj; adj != nil {
		if *adj < -1000 || *adj > 1000 {
			return spec.Fieldf("process.oomScoreAdj", "%d is not between -1000 and 1000", *adj)
		}
		a.OOMScoreAdj = adj
	}
	return nil
}

// setLimits sets the process's limits. If they have no RLIMIT_NOFILE, it restores the limit of open
// files with which berth was started, because Go has raised it. Afterwards the process may be
// unable to open any descriptor.
func (a *Attributes) setLimits() error {
	restore := nofile.Hard != 0
	for _, l := range a.Limits {
		lim := syscall.Rlimit{Cur: l.Soft, Max: l.Hard}
		// Package syscall sets it, so that it forgets the limit that it would restore at exec.
		if err := syscall.Setrlimit(l.Resource, &lim); err != nil {
			return limitError(l, err)
		}
		restore = restore && l.Resource != unix.RLIMIT_NOFILE
	}
	if restore {
		lim := syscall.Rlimit{Cur: nofile.Soft, Max: nofile.Hard}
		if err := syscall.Setrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
			return fmt.Errorf("restore RLIMIT_NOFILE to %d:%d: %w", lim.Cur, lim.Max, err)
		}
	}
	return nil
}

// childLimits returns the limits that setLimits would set, for a forked child to set.
func (a *Attributes) childLimits() []Limit {
	limits := slices.Clone(a.Limits)
	own := func(l Limit) bool { return l.Resource == unix.RLIMIT_NOFILE }
	if nofile.Hard != 0 && !slices.ContainsFunc(limits, own) {
		limits = append(limits, Limit{Name: "RLIMIT_NOFILE", Resource: unix.RLIMIT_NOFILE, Soft: nofile.Soft, Hard: nofile.Hard})
	}
	return limits
}

func limitError(l Limit, err error) error {
	why := ""
	if errors.Is(err, unix.EPERM) {
		why = " (raising a hard limit needs CAP_SYS_RESOURCE on the host; RLIMIT_NOFILE cannot exceed fs.nr_open)"
	}
	return spec.Fieldf("process.rlimits", "error setting %s to soft %s, hard %s: %w%s",
		l.Name, limitString(l.Soft), limitString(l.Hard), err, why)
}

func limitString(n uint64) string {
	if n == unix.RLIM_INFINITY {
		return "unlimited"
	}
	return fmt.Sprint(n)
}
