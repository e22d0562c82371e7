package process

import (
	"fmt"
	"maps"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

var (
	memoryModes = map[specs.MemoryPolicyModeType]int{
		specs.MpolDefault:            unix.MPOL_DEFAULT,
		specs.MpolPreferred:          unix.MPOL_PREFERRED,
		specs.MpolBind:               unix.MPOL_BIND,
		specs.MpolInterleave:         unix.MPOL_INTERLEAVE,
		specs.MpolLocal:              unix.MPOL_LOCAL,
		specs.MpolPreferredMany:      unix.MPOL_PREFERRED_MANY,
		specs.MpolWeightedInterleave: unix.MPOL_WEIGHTED_INTERLEAVE,
	}
	memoryFlags = map[specs.MemoryPolicyFlagType]int{
		specs.MpolFStaticNodes:   unix.MPOL_F_STATIC_NODES,
		specs.MpolFRelativeNodes: unix.MPOL_F_RELATIVE_NODES,
		specs.MpolFNumaBalancing: unix.MPOL_F_NUMA_BALANCING,
	}
)

// MemoryPolicyModes returns the known modes of linux.memoryPolicy, sorted.
func MemoryPolicyModes() []specs.MemoryPolicyModeType { return slices.Sorted(maps.Keys(memoryModes)) }

// MemoryPolicyFlags returns the known flags of linux.memoryPolicy, sorted.
func MemoryPolicyFlags() []specs.MemoryPolicyFlagType { return slices.Sorted(maps.Keys(memoryFlags)) }

// maxNode is more than any kernel's MAX_NUMNODES.
const maxNode = 1024

func (a *Attributes) takeMemoryPolicy(_ *specs.Process, s *specs.Spec) error {
	if s == nil || s.Linux == nil || s.Linux.MemoryPolicy == nil {
		return nil
	}
	m := s.Linux.MemoryPolicy
	mode, err := lookUp(memoryModes, "linux.memoryPolicy.mode", m.Mode)
	if err != nil {
		return err
	}
	for i, name := range m.Flags {
		flag, err := lookUp(memoryFlags, fmt.Sprintf("linux.memoryPolicy.flags[%d]", i), name)
		if err != nil {
			return err
		}
		mode |= flag
	}
	nodes, err := nodeMask(m.Nodes)
	if err != nil {
		return &spec.FieldError{Path: "linux.memoryPolicy.nodes", Err: err}
	}
	a.MemoryPolicy = &MemoryPolicy{Mode: mode, Nodes: nodes}
	return nil
}

// nodeMask turns a list such as "0-3,7" into a bit mask.
func nodeMask(list string) ([]uint64, error) {
	numbers, ok := spec.ParseList(list, maxNode)
	if !ok {
		return nil, fmt.Errorf("%q is not a list of nodes such as 0-3,7", list)
	}
	var mask []uint64
	for _, n := range numbers {
		for len(mask) <= n/64 {
			mask = append(mask, 0)
		}
		mask[n/64] |= 1 << (n % 64)
	}
	return mask, nil
}
