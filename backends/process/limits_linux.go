package process

import (
	"errors"
	"fmt"
	"slices"

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
		why = " (raising a hard limit requires CAP_SYS_RESOURCE on the host; RLIMIT_NOFILE cannot exceed fs.nr_open)"
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
