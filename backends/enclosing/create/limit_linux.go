package create

import (
	"context"
	"strconv"

	"github.com/opencontainers/cgroups"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

// prepareLimits reads the limits in config.json, and fails if this host cannot set them.
func (cr *creation) prepareLimits() error {
	l := cr.job.Spec.Linux
	limits, err := cgroup.Resources(l.Resources, l.Devices)
	if err != nil {
		return err
	}
	if err := cgroup.Preflight(limits).Err(); err != nil {
		return err
	}
	backends.LogWarnings(cgroup.Ignored(limits))
	cr.limits, cr.restorePidsLimit = limits, deferPidsLimit(limits)
	return nil
}

// initThreads is larger than the number of threads of an init process.
const initThreads = 64

// deferPidsLimit removes the pids limit from r if the init process's own threads could exceed it.
// It returns a function that puts the limit back, for the time when the init process has all of its
// threads. It returns nil if r has no limit that is too low.
func deferPidsLimit(r *cgroups.Resources) (giveBack func()) {
	limit, unified := r.PidsLimit, r.Unified[pidsMax]
	setPidsLimit := limit != nil && *limit >= 0 && *limit < initThreads
	n, err := strconv.ParseInt(unified, 10, 64)
	fewUnified := err == nil && n >= 0 && n < initThreads
	if !setPidsLimit && !fewUnified {
		return nil
	}
	r.PidsLimit = nil
	delete(r.Unified, pidsMax)
	return func() {
		r.PidsLimit = limit
		if unified != "" {
			r.Unified[pidsMax] = unified
		}
	}
}

const pidsMax = "pids.max"

// limit writes the container's limits, and watches from now on whether the kernel kills a process
// because of them.
func (cr *creation) limit(context.Context) error {
	cr.oom.begin(cr.job.Data)
	if err := cr.job.Data.Limit(cr.limits); err != nil {
		return err
	}
	return enterResctrl(cr.job)
}

// enterResctrl makes the group and moves the init process into it, unless the init process forks
// the user process.
func enterResctrl(j *enclosure.Job) error {
	if j.Spec.Linux.IntelRdt == nil {
		return nil
	}
	if err := j.Data.Resctrl.Make(j.Spec.Linux.IntelRdt); err != nil {
		return err
	}
	if j.ForksProcess() {
		return nil
	}
	return j.Data.Resctrl.Enter(j.InitPid)
}
