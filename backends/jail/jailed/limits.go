package jailed

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// LimitsOf converts process.rlimits. The error names the JSON path of a limit that this system does
// not have.
func LimitsOf(list []specs.POSIXRlimit) ([]Limit, error) {
	var out []Limit
	for i, l := range list {
		resource, ok := resources[l.Type]
		if !ok {
			return nil, spec.Fieldf(fmt.Sprintf("process.rlimits[%d].type", i), "unknown limit %q", l.Type)
		}
		out = append(out, Limit{Name: l.Type, Resource: resource, Soft: l.Soft, Hard: l.Hard})
	}
	return out, nil
}
