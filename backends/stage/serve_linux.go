package stage

import (
	"context"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/hooks"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/backends/stage/link"
)

// serve waits for start and execs; it does not return.
func (s *stage) serve(p *process.Prepared) error {
	link.Serve(s.start, func() error { return s.launch(p) })
	return nil
}

// launch returns only if the user's process cannot be run. The connection
// closes when it can.
func (s *stage) launch(p *process.Prepared) error {
	if err := hooks.Run(context.Background(), "startContainer", s.plan.StartContainer, s.state(specs.StateCreated)); err != nil {
		return err
	}
	return p.Exec()
}
