package hooks

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/spec"
)

// Explain adds the command lines of the hooks at each point in a container's life.
func Explain(x *backends.Explanation, s *specs.Spec) {
	for _, kind := range spec.HookKinds {
		var lines []backends.Line
		for i, h := range spec.Hooks(s, kind) {
			args := h.Args
			if len(args) > 0 {
				args = args[1:]
			}
			lines = append(lines, backends.Line{
				Text: backends.CommandLine(append([]string{h.Path}, args...)...),
				From: fmt.Sprintf("hooks.%s[%d]", kind, i),
			})
		}
		x.Add(fmt.Sprintf("%s hooks", kind), lines...)
	}
}
