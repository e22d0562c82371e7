package runtime

import (
	"context"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/hooks"
)

func poststart(ctx context.Context, c *backends.Container) error {
	if c.Hooks == nil {
		return nil
	}
	return hooks.OnHost(ctx, "poststart", c.Hooks.Poststart, c.State(specs.StateRunning))
}

// poststop runs the poststop hooks after the container is gone. It only logs a hook that fails, and
// runs the next one (runtime.md#lifecycle, step 13).
func poststop(ctx context.Context, c *backends.Container) {
	if c.Hooks == nil {
		return
	}
	for i := range c.Hooks.Poststop {
		if err := hooks.OnHost(ctx, "poststop", c.Hooks.Poststop[i:i+1], c.State(specs.StateStopped)); err != nil {
			logrus.Warn(err)
		}
	}
}
