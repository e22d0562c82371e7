package runtime

import (
	"fmt"

	"github.com/berth-oci/berth/backends"
)

// Explain returns what Create would do, and the container that it would make. It does none of it.
// It fails if the backend is not a backends.Explaining.
func (r *Runtime) Explain(p *Plan) (*backends.Container, backends.Explanation, error) {
	j, err := r.accept(p)
	if err != nil {
		return nil, nil, err
	}
	e, ok := j.backend.(backends.Explaining)
	if !ok {
		return nil, nil, fmt.Errorf("the %s backend does not support explain", j.backend.Name())
	}
	c := p.Container(r.store.Root())
	j.laterHooks(c)
	x, err := e.Explain(c, p.Bundle.Spec, p.Options.CreateOptions)
	return c, x, err
}
