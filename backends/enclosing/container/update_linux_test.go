package container

import (
	"reflect"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func to[T any](v T) *T { return &v }

// An update changes the limits that it names, and those that depend on them as runc does.
func TestMerge(t *testing.T) {
	t.Parallel()
	type resources = specs.LinuxResources
	for name, c := range map[string]struct{ before, update, want resources }{
		"nothing":     {resources{Pids: &specs.LinuxPids{Limit: to[int64](5)}}, resources{}, resources{Pids: &specs.LinuxPids{Limit: to[int64](5)}}},
		"a first one": {resources{}, resources{Pids: &specs.LinuxPids{Limit: to[int64](5)}}, resources{Pids: &specs.LinuxPids{Limit: to[int64](5)}}},
		"pids, unset": {resources{Pids: &specs.LinuxPids{Limit: to[int64](5)}}, resources{Pids: &specs.LinuxPids{}}, resources{Pids: &specs.LinuxPids{Limit: to[int64](5)}}},
		"memory alone": {resources{Memory: &specs.LinuxMemory{Limit: to[int64](5), Swap: to[int64](9)}}, resources{Memory: &specs.LinuxMemory{Limit: to[int64](6)}},
			resources{Memory: &specs.LinuxMemory{Limit: to[int64](6), Swap: to[int64](9)}}},
		"no memory limit, so none of swap": {resources{Memory: &specs.LinuxMemory{Limit: to[int64](5), Swap: to[int64](9)}}, resources{Memory: &specs.LinuxMemory{Limit: to[int64](-1)}},
			resources{Memory: &specs.LinuxMemory{Limit: to[int64](-1), Swap: to[int64](-1)}}},
		"but a named one": {resources{}, resources{Memory: &specs.LinuxMemory{Limit: to[int64](-1), Swap: to[int64](9)}},
			resources{Memory: &specs.LinuxMemory{Limit: to[int64](-1), Swap: to[int64](9)}}},
		"the period of a quota": {resources{CPU: &specs.LinuxCPU{Quota: to[int64](5), Cpus: "0"}}, resources{CPU: &specs.LinuxCPU{Period: to[uint64](7)}},
			resources{CPU: &specs.LinuxCPU{Quota: to[int64](5), Period: to[uint64](7), Cpus: "0"}}},
		"idle forgets the weight": {resources{CPU: &specs.LinuxCPU{Shares: to[uint64](5)}}, resources{CPU: &specs.LinuxCPU{Idle: to[int64](1)}},
			resources{CPU: &specs.LinuxCPU{Idle: to[int64](1)}}},
		"one list of devices": {resources{BlockIO: &specs.LinuxBlockIO{Weight: to[uint16](5), ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{{Rate: 1}}}},
			resources{BlockIO: &specs.LinuxBlockIO{ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{{Rate: 2}}, ThrottleWriteBpsDevice: []specs.LinuxThrottleDevice{{Rate: 3}}}},
			resources{BlockIO: &specs.LinuxBlockIO{Weight: to[uint16](5), ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{{Rate: 2}}, ThrottleWriteBpsDevice: []specs.LinuxThrottleDevice{{Rate: 3}}}}},
		"files by name": {resources{Unified: map[string]string{"a": "1", "b": "2"}}, resources{Unified: map[string]string{"b": "3", "c": "4"}},
			resources{Unified: map[string]string{"a": "1", "b": "3", "c": "4"}}},
		"first files by name": {resources{}, resources{Unified: map[string]string{"b": "3"}}, resources{Unified: map[string]string{"b": "3"}}},
		"other lists":         {resources{HugepageLimits: []specs.LinuxHugepageLimit{{Limit: 1}}}, resources{Rdma: map[string]specs.LinuxRdma{"x": {}}}, resources{HugepageLimits: []specs.LinuxHugepageLimit{{Limit: 1}}, Rdma: map[string]specs.LinuxRdma{"x": {}}}},
		"not the devices":     {resources{}, resources{Devices: []specs.LinuxDeviceCgroup{{Access: "r"}}}, resources{}},
	} {
		before := clone(c.before)
		if got := merge(&c.before, &c.update); !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		// The limits before are written again if those after cannot be.
		if !reflect.DeepEqual(c.before, before) {
			t.Errorf("%s: the limits before are %+v now", name, c.before)
		}
	}
}

// clone copies what merge could change by mistake.
func clone(r specs.LinuxResources) specs.LinuxResources {
	if r.Memory != nil {
		r.Memory = to(*r.Memory)
	}
	if r.CPU != nil {
		r.CPU = to(*r.CPU)
	}
	if r.BlockIO != nil {
		r.BlockIO = to(*r.BlockIO)
	}
	unified := r.Unified
	if unified != nil {
		r.Unified = map[string]string{}
		for k, v := range unified {
			r.Unified[k] = v
		}
	}
	return r
}
