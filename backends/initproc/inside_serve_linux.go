package initproc

import (
	"context"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/hooks"
	"github.com/berth-oci/berth/backends/initproc/link"
)

// serve waits for start, runs the startContainer hooks, and launches the user's program. It does
// not return. The connection closes when the program runs.
func (s *initProcess) serve(launch func() error) error {
	started := func() {}
	state := s.state(specs.StateCreated)
	if s.waiting != nil {
		state.Pid = s.waiting.inner
		started = s.waiting.endWithIt()
	}
	how := hooks.How{Start: s.startHook, Env: s.plan.Process.Environment()}
	link.Serve(s.start, func() error {
		started()
		if err := hooks.Run(context.Background(), how, "startContainer", s.plan.StartContainer, state); err != nil {
			return err
		}
		if err := launch(); err != nil {
			return err
		}
		os.Exit(0)
		return nil
	})
	return nil
}

// startHook starts a hook with the attributes and the filter of the user's program.
func (s *initProcess) startHook(path string, args, env []string, stdio [3]*os.File) (*os.Process, error) {
	pid, err := s.prepared.Spawn(path, args, env, [3]int{int(stdio[0].Fd()), int(stdio[1].Fd()), int(stdio[2].Fd())})
	if err != nil {
		return nil, err
	}
	return os.FindProcess(pid)
}
