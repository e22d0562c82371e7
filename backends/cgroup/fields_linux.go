package cgroup

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/cgroups"

	"github.com/berth-oci/berth/spec"
)

// field is a row of the table of limits: a field of linux.resources with its controller and file in
// cgroup v2 (kernel documentation, admin-guide/cgroup-v2).
type field struct {
	// path is the JSON path below linux.resources, without an index or a map key at its end.
	path string
	// controller is the controller that has the files. It is empty if each value names its own, and
	// for files that every cgroup has.
	controller string
	// files are alternatives: the first one that exists is written. It is nil if each value names
	// its own file, and for limits that only cgroup v1 has.
	files []string
	// lacking explains why a kernel that has the controller may lack the file.
	lacking string
	// values returns the field's values in resources, or nothing if the field is not set.
	values func(r *cgroups.Resources) []value
}

// value is one entry of a field.
type value struct {
	// at is the entry's list index or map key, as in a JSON path.
	at string
	// controller and file are set if they differ between the field's entries.
	controller, file string
	// texts are the texts to write, one for each alternative file.
	texts []string
	// optional is true if a missing file has the same effect as the value.
	optional bool
}

// fields is the table. [Resources] and opencontainers/cgroups apply limits by writing these files.
// All reports about limits, before and after that, are made from this table. Device rules are not
// in it, because they are a BPF program and not a file.
var fields = []field{
	{"memory.limit", "memory", []string{"memory.max"}, "",
		func(r *cgroups.Resources) []value { return number(r.Memory) }},
	{"memory.limit", "memory", []string{"memory.swap.max"}, "",
		func(r *cgroups.Resources) []value {
			if r.Memory == -1 && r.MemorySwap == 0 {
				return []value{{texts: []string{"max"}, optional: true}} // no memory limit means no swap limit either
			}
			return nil
		}},
	{"memory.swap", "memory", []string{"memory.swap.max"}, "it was built or booted without swap accounting (CONFIG_SWAP, swapaccount=0)", swap},
	{"memory.reservation", "memory", []string{"memory.low"}, "",
		func(r *cgroups.Resources) []value { return number(r.MemoryReservation) }},
	{"cpu.idle", "cpu", []string{"cpu.idle"}, "it requires Linux 5.15 or later with CONFIG_FAIR_GROUP_SCHED", pointer(func(r *cgroups.Resources) *int64 { return r.CPUIdle })},
	{"cpu.shares", "cpu", []string{"cpu.weight"}, "it was built without CONFIG_FAIR_GROUP_SCHED",
		func(r *cgroups.Resources) []value { return unsigned(r.CpuWeight) }},
	{"cpu.burst", "cpu", []string{"cpu.max.burst"}, "it requires Linux 5.14 or later with CONFIG_CFS_BANDWIDTH", pointer(func(r *cgroups.Resources) *uint64 { return r.CpuBurst })},
	{"cpu.quota", "cpu", []string{"cpu.max"}, noBandwidth,
		func(r *cgroups.Resources) []value {
			if r.CpuQuota == 0 {
				return nil
			}
			return one(bandwidth(r))
		}},
	{"cpu.period", "cpu", []string{"cpu.max"}, noBandwidth,
		func(r *cgroups.Resources) []value {
			if r.CpuQuota != 0 || r.CpuPeriod == 0 {
				return nil
			}
			return one(bandwidth(r))
		}},
	{"cpu.cpus", "cpuset", []string{"cpuset.cpus"}, "", func(r *cgroups.Resources) []value { return text(r.CpusetCpus) }},
	{"cpu.mems", "cpuset", []string{"cpuset.mems"}, "", func(r *cgroups.Resources) []value { return text(r.CpusetMems) }},
	{"pids.limit", "pids", []string{"pids.max"}, "", pids},
	{"blockIO.weight", "io", []string{"io.bfq.weight", "io.weight"}, "it has neither BFQ nor io.cost (CONFIG_BFQ_GROUP_IOSCHED, CONFIG_BLK_CGROUP_IOCOST)",
		func(r *cgroups.Resources) []value {
			if r.BlkioWeight == 0 {
				return nil
			}
			return one(fmt.Sprint(r.BlkioWeight), fmt.Sprint(cgroups.ConvertBlkIOToIOWeightValue(r.BlkioWeight)))
		}},
	{"blockIO.weightDevice", "io", []string{"io.bfq.weight"}, "only BFQ supports the weight of a device (CONFIG_BFQ_GROUP_IOSCHED)",
		func(r *cgroups.Resources) []value {
			return entries(r.BlkioWeightDevice, func(d *cgroups.WeightDevice) string { return d.WeightString() })
		}},
	{"blockIO.throttleReadBpsDevice", "io", []string{"io.max"}, noThrottling, throttle("rbps", func(r *cgroups.Resources) []*cgroups.ThrottleDevice { return r.BlkioThrottleReadBpsDevice })},
	{"blockIO.throttleWriteBpsDevice", "io", []string{"io.max"}, noThrottling, throttle("wbps", func(r *cgroups.Resources) []*cgroups.ThrottleDevice { return r.BlkioThrottleWriteBpsDevice })},
	{"blockIO.throttleReadIOPSDevice", "io", []string{"io.max"}, noThrottling, throttle("riops", func(r *cgroups.Resources) []*cgroups.ThrottleDevice { return r.BlkioThrottleReadIOPSDevice })},
	{"blockIO.throttleWriteIOPSDevice", "io", []string{"io.max"}, noThrottling, throttle("wiops", func(r *cgroups.Resources) []*cgroups.ThrottleDevice { return r.BlkioThrottleWriteIOPSDevice })},
	{"hugepageLimits", "hugetlb", nil, "it has no huge pages of this size",
		func(r *cgroups.Resources) (list []value) {
			for i, l := range r.HugetlbLimit {
				list = append(list, value{at: index(i), file: "hugetlb." + l.Pagesize + ".max", texts: []string{strconv.FormatUint(l.Limit, 10)}})
			}
			return list
		}},
	{"rdma", "rdma", []string{"rdma.max"}, "",
		func(r *cgroups.Resources) (list []value) {
			for _, name := range slices.Sorted(maps.Keys(r.Rdma)) {
				text := name
				if l := r.Rdma[name]; l.HcaHandles != nil {
					text += fmt.Sprintf(" hca_handle=%d", *l.HcaHandles)
				}
				if l := r.Rdma[name]; l.HcaObjects != nil {
					text += fmt.Sprintf(" hca_object=%d", *l.HcaObjects)
				}
				list = append(list, value{at: key(name), texts: []string{text}})
			}
			return list
		}},
	// These have no file in cgroup v2. The library ignores them.
	{"memory.swappiness", "memory", nil, "", pointer(func(r *cgroups.Resources) *uint64 { return r.MemorySwappiness })},
	{"memory.disableOOMKiller", "memory", nil, "",
		func(r *cgroups.Resources) []value {
			if !r.OomKillDisable {
				return nil
			}
			return one("true")
		}},
	{"cpu.realtimeRuntime", "cpu", nil, "", func(r *cgroups.Resources) []value { return unsigned(uint64(r.CpuRtRuntime)) }},
	{"cpu.realtimePeriod", "cpu", nil, "", func(r *cgroups.Resources) []value { return unsigned(r.CpuRtPeriod) }},
	{"blockIO.leafWeight", "io", nil, "", func(r *cgroups.Resources) []value { return unsigned(uint64(r.BlkioLeafWeight)) }},
	{"blockIO.weightDevice", "io", nil, "",
		func(r *cgroups.Resources) (list []value) {
			for i, d := range r.BlkioWeightDevice {
				if d.LeafWeight != 0 {
					list = append(list, value{at: index(i) + ".leafWeight", texts: []string{fmt.Sprint(d.LeafWeight)}})
				}
			}
			return list
		}},
	{"network.classID", "net_cls", nil, "", func(r *cgroups.Resources) []value { return unsigned(uint64(r.NetClsClassid)) }},
	{"network.priorities", "net_prio", nil, "",
		func(r *cgroups.Resources) []value {
			return entries(r.NetPrioIfpriomap, func(p *cgroups.IfPrioMap) string { return p.Interface + " " + strconv.FormatInt(p.Priority, 10) })
		}},
	// unified is last, because it overrides the other fields.
	{"unified", "", nil, "",
		func(r *cgroups.Resources) (list []value) {
			for _, file := range slices.Sorted(maps.Keys(r.Unified)) {
				list = append(list, value{at: key(file), controller: controllerOf(file), file: file, texts: []string{r.Unified[file]}})
			}
			return list
		}},
}

const (
	noBandwidth  = "it was built without CONFIG_CFS_BANDWIDTH"
	noThrottling = "it was built without CONFIG_BLK_DEV_THROTTLING"
)

// controllerOf returns the controller of a cgroup file according to its name, or "" for a file that
// every cgroup has.
func controllerOf(file string) string {
	name, _, dotted := strings.Cut(file, ".")
	if !dotted || name == "cgroup" || strings.HasSuffix(file, ".pressure") {
		return ""
	}
	return name
}

// write is a value together with its field's data.
type write struct {
	// field is the JSON path.
	field, controller string
	// files are alternatives. texts has the text to write to each of them.
	files, texts []string
	lacking      string
	optional     bool
}

// String returns what is written where, such as "io.bfq.weight = 100, or io.weight = 910".
func (w *write) String() string {
	var parts []string
	for i, file := range w.files {
		parts = append(parts, file+" = "+w.texts[i])
	}
	return strings.Join(parts, ", or ")
}

// writes returns the rows of the table that write a file.
func writes(r *cgroups.Resources) []write { return rows(r, true) }

// Ignored returns an error, with JSON path and reason, for each limit that cgroup v2 does not have.
// These limits are ignored, as in runc.
func Ignored(r *cgroups.Resources) (list []error) {
	for _, w := range rows(r, false) {
		list = append(list, &spec.FieldError{Path: w.field, Err: errOnlyV1})
	}
	return list
}

var errOnlyV1 = errors.New("ignored: cgroup v2 has no such limit")

// rows returns the values of all fields in the table: those with a file if filed is true, otherwise
// those without.
func rows(r *cgroups.Resources, filed bool) (list []write) {
	for i := range fields {
		f := &fields[i]
		for _, v := range f.values(r) {
			if filed != (len(f.files) > 0 || v.file != "") {
				continue
			}
			w := write{field: "linux.resources." + f.path + v.at, controller: f.controller, files: f.files, texts: v.texts, lacking: f.lacking, optional: v.optional}
			if v.file != "" {
				w.files = []string{v.file}
			}
			if v.controller != "" {
				w.controller = v.controller
			}
			list = append(list, w)
		}
	}
	return list
}

func index(i int) string { return "[" + strconv.Itoa(i) + "]" }

func key(name string) string { return fmt.Sprintf("[%.100q]", name) }

func one(texts ...string) []value { return []value{{texts: texts}} }

func text(s string) []value {
	if s == "" {
		return nil
	}
	return one(s)
}

// number is a limit: 0 means that it is not set, and -1 that there is no limit.
func number(n int64) []value {
	if n == 0 {
		return nil
	}
	return one(orMax(n))
}

// unsigned is a number: 0 means that it is not set.
func unsigned(n uint64) []value {
	if n == 0 {
		return nil
	}
	return one(strconv.FormatUint(n, 10))
}

func pointer[T int64 | uint64](of func(r *cgroups.Resources) *T) func(r *cgroups.Resources) []value {
	return func(r *cgroups.Resources) []value {
		n := of(r)
		if n == nil {
			return nil
		}
		return one(fmt.Sprint(*n))
	}
}

func swap(r *cgroups.Resources) []value {
	n, err := cgroups.ConvertMemorySwapToCgroupV2Value(r.MemorySwap, r.Memory)
	if err != nil || r.MemorySwap == 0 {
		return nil
	}
	// Without swap accounting the cgroups do not limit swap: the file is missing. That is right for
	// no swap and for unlimited swap.
	return []value{{texts: []string{orMax(n)}, optional: n <= 0}}
}

func bandwidth(r *cgroups.Resources) string {
	quota, period := "max", r.CpuPeriod
	if r.CpuQuota > 0 {
		quota = strconv.FormatInt(r.CpuQuota, 10)
	}
	if period == 0 {
		period = 100000
	}
	return quota + " " + strconv.FormatUint(period, 10)
}

// pids writes 1 for 0, because systemd does not accept 0.
func pids(r *cgroups.Resources) []value {
	switch {
	case r.PidsLimit == nil:
		return nil
	case *r.PidsLimit == 0:
		return one("1")
	}
	return one(orMax(*r.PidsLimit))
}

func throttle(word string, of func(r *cgroups.Resources) []*cgroups.ThrottleDevice) func(r *cgroups.Resources) []value {
	return func(r *cgroups.Resources) []value {
		return entries(of(r), func(d *cgroups.ThrottleDevice) string { return d.StringName(word) })
	}
}

func entries[T any](of []T, text func(T) string) (list []value) {
	for i, e := range of {
		list = append(list, value{at: index(i), texts: []string{text(e)}})
	}
	return list
}

// orMax returns the text of a limit in cgroup v2. A negative value means no limit.
func orMax(v int64) string {
	if v < 0 {
		return "max"
	}
	return strconv.FormatInt(v, 10)
}
