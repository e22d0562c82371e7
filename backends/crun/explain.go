package crun

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
)

// Explain returns the other runtime's command line.
func (b *Backend) Explain(c *backends.Container, _ *specs.Spec, o backends.CreateOptions) (backends.Explanation, error) {
	cmd, err := b.command(c, createCall(c, o))
	if err != nil {
		return nil, err
	}
	var x backends.Explanation
	x.Add(b.name, backends.Line{Text: backends.CommandLine(cmd.Argv...)})
	return x, nil
}
