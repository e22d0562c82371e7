package stage

import (
	"context"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/hooks"
	"github.com/berth-oci/berth/backends/stage/link"
)

// serve waits for start, runs the hooks of startContainer, and launches the
// user's program; it does not return. The connection closes when it runs.
func (s *stage) serve(launch func() error) error {
	started := func() {}
	state := s.state(specs.StateCreated)
	if s.waiting != nil {
		state.Pid = s.waiting.inner
		var err error
		if started, err = s.waiting.endWithIt(); err != nil {
			return err
		}
	}
	link.Serve(s.start, func() error {
		started()
		if err := hooks.Run(context.Background(), "startContainer", hooks.Inside(s.plan.StartContainer, s.plan.Process.Environment()), state); err != nil {
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
