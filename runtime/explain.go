package runtime

import (
	"fmt"
	"path/filepath"

	"github.com/berth-oci/berth/backends"
)

// Explain returns what Create would do with a bundle, and the container that it would make. It does
// none of it. It fails if the backend is not a backends.Explaining.
func (r *Runtime) Explain(id string, o CreateOptions) (*backends.Container, backends.Explanation, error) {
	j, err := r.plan(id, &o)
	if err != nil {
		return nil, nil, err
	}
	e, ok := j.backend.(backends.Explaining)
	if !ok {
		return nil, nil, fmt.Errorf("the %s backend does not support explain", j.backend.Name())
	}
	c := &backends.Container{ID: id, Root: r.store.Root(), Dir: filepath.Join(r.store.Root(), id)}
	fill(c, j)
	x, err := e.Explain(c, j.bundle.Spec, o.CreateOptions)
	return c, x, err
}
