package process

import (
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestMemoryPolicy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy specs.LinuxMemoryPolicy
		mode   int
		nodes  []uint64
		err    string
	}{
		"default":      {policy: specs.LinuxMemoryPolicy{Mode: specs.MpolDefault}, mode: unix.MPOL_DEFAULT},
		"bind":         {policy: specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0-2, 65"}, mode: unix.MPOL_BIND, nodes: []uint64{7, 2}},
		"flags":        {policy: specs.LinuxMemoryPolicy{Mode: specs.MpolInterleave, Nodes: "1", Flags: []specs.MemoryPolicyFlagType{specs.MpolFStaticNodes, specs.MpolFNumaBalancing}}, mode: unix.MPOL_INTERLEAVE | unix.MPOL_F_STATIC_NODES | unix.MPOL_F_NUMA_BALANCING, nodes: []uint64{2}},
		"unknown mode": {policy: specs.LinuxMemoryPolicy{Mode: "MPOL_X"}, err: "linux.memoryPolicy.mode: "},
		"unknown flag": {policy: specs.LinuxMemoryPolicy{Mode: specs.MpolLocal, Flags: []specs.MemoryPolicyFlagType{"X"}}, err: "linux.memoryPolicy.flags[0]: "},
		"no list":      {policy: specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "3-1"}, err: "linux.memoryPolicy.nodes: "},
		"far":          {policy: specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0-999999999999"}, err: "linux.memoryPolicy.nodes: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &Attributes{}
			err := a.takeMemoryPolicy(nil, &specs.Spec{Linux: &specs.Linux{MemoryPolicy: &c.policy}})
			if c.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), c.err) {
					t.Errorf("%v, want %s", err, c.err)
				}
				return
			}
			if err != nil || a.MemoryPolicy.Mode != c.mode || !slices.Equal(a.MemoryPolicy.Nodes, c.nodes) {
				t.Errorf("%v: %+v", err, a.MemoryPolicy)
			}
		})
	}
}
