package create

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/guard"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/backends/initproc"
	"github.com/berth-oci/berth/spec"
)

// spawn starts the init process. It grants the process what only the host can grant, and reads the
// ID maps of its user namespace if it has one. It then knows whether the container needs a guard.
func (cr *creation) spawn(context.Context) error {
	j := cr.job
	cfg := initConfig(j, cr.opts, cr.prep.inherited)
	var err error
	if cr.initProc, err = initproc.Spawn(cfg); err != nil {
		return err
	}
	cr.undo.Add(cr.kill)
	j.InitPid = cr.initProc.Pid
	if j.Process, err = backends.FindProcess(j.InitPid); err != nil {
		return fmt.Errorf("the container's process: %w", err)
	}
	first := j.Process
	cr.first.Store(&first)
	if !j.ForksProcess() {
		if err := cr.prep.process.Grant(j.InitPid); err != nil {
			return err
		}
	}
	if cfg.NewUser || cfg.UserPath != "" {
		if j.UIDMap, j.GIDMap, err = namespace.IDMaps(j.InitPid); err != nil {
			return err
		}
		if p := j.Spec.Process; p != nil && !p.Terminal {
			if err := namespace.GivePipes(cfg.Stdio, p.User.UID, j.UIDMap); err != nil {
				return err
			}
		}
	}
	if cfg.UserPath != "" {
		if err := namespace.CheckJoined(j.Spec, j.UIDMap, j.GIDMap); err != nil {
			return err
		}
	}
	cr.guard, err = guard.Open(j)
	return err
}

// initConfig returns what the init process is started with.
func initConfig(j *enclosure.Job, o *backends.CreateOptions, inherited int) *initproc.Config {
	cfg := &initproc.Config{Stdio: backends.OwnStdio(o.Stdio), Inherited: inherited}
	_, kind := j.Namespace(specs.PIDNamespace)
	cfg.NewPID = kind == spec.New
	path, kind := j.Namespace(specs.UserNamespace)
	cfg.NewUser, cfg.UserPath = kind == spec.New, path
	path, kind = j.Namespace(specs.TimeNamespace)
	cfg.NewTime, cfg.TimePath = kind == spec.New && !j.ForksProcess(), path
	cfg.Offsets = offsets(j.Spec)
	for t, ns := range j.Joined {
		if j.JoinedBeforeFork(t) {
			cfg.JoinBeforeFork = append(cfg.JoinBeforeFork, ns)
		}
	}
	if cfg.NewUser {
		cfg.UIDMaps, cfg.GIDMaps = j.Spec.Linux.UIDMappings, j.Spec.Linux.GIDMappings
	}
	return cfg
}

// offsets returns linux.timeOffsets in the format of /proc/PID/timens_offsets (time_namespaces(7)).
func offsets(s *specs.Spec) string {
	var text strings.Builder
	for _, clock := range slices.Sorted(maps.Keys(s.Linux.TimeOffsets)) {
		o := s.Linux.TimeOffsets[clock]
		fmt.Fprintf(&text, "%s %d %d\n", clock, o.Secs, o.Nanosecs)
	}
	return text.String()
}
