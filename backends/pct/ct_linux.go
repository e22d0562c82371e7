package pct

import (
	goruntime "runtime"
	"strconv"
	"strings"

	"github.com/opencontainers/cgroups"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/spec"
)

// describe returns how the container appears in Proxmox VE: name, description, tags, pool and
// limits. The limits are for display; the exact ones are set in the cgroup.
func describe(j *enclosure.Job, s *Settings) *CreateOptions {
	o := &CreateOptions{
		Rootfs:  j.Rootfs,
		Tags:    append([]string{"oci"}, s.Tags...),
		Arch:    arch(),
		Pool:    s.Pool,
		Storage: s.Storage,
		Net0:    s.Network.device(j.Spec),
	}
	o.Hostname, o.HostnameFrom = hostname(j)
	engine := engine(j.Annotations)
	if engine != "" {
		o.Tags = append(o.Tags, engine)
	}
	pod, inPod := spec.PodOf(j.Annotations)
	if tag := podTag(pod); tag != "" {
		o.Tags = append(o.Tags, tag)
	}
	// Texts from config.json are quoted, so that none of them can add a line that looks like
	// another one, such as the marker.
	text := []string{"OCI container " + j.ID + " of berth."}
	if inPod {
		text = append(text, podText(pod))
	}
	text = append(text,
		"Bundle: "+quoted(j.Bundle, 512),
		"Started and stopped by its container engine; it cannot be started here.",
		marker(j.Container),
	)
	o.Description = strings.Join(text, "\n")
	var r *specs.LinuxResources
	if j.Spec.Linux != nil {
		r = j.Spec.Linux.Resources
	}
	o.Memory, o.Swap = memory(r)
	o.CPULimit, o.CPUUnits = cpuLimit(r), cpuUnits(r)
	return o
}

// quoted returns text quoted as by %q and cut to at most atMost bytes. A description has at most
// 8192 bytes (pct(1), --description), and must have room for the marker.
func quoted(text string, atMost int) string {
	const more = "…"
	q := strconv.Quote(text)
	for n := min(len(text), atMost); len(q) > atMost; n-- {
		q = strconv.Quote(text[:n] + more)
	}
	return q
}

const mebibyte = 1 << 20

// minMemory is the smallest memory limit that Proxmox VE accepts, in MiB.
const minMemory = 16

// memory returns the memory and the swap that the interface shows, in MiB: the limits rounded up,
// or all that the host has if the container has no limit. The exact limit is set in the cgroup.
func memory(r *specs.LinuxResources) (ram, swap int64) {
	var host unix.Sysinfo_t
	_ = unix.Sysinfo(&host) // fails for a bad address only
	unit := int64(host.Unit)
	ram, swap = int64(host.Totalram)*unit/mebibyte, int64(host.Totalswap)*unit/mebibyte
	if r == nil || r.Memory == nil {
		return ram, swap
	}
	m := r.Memory
	if m.Limit == nil || *m.Limit <= 0 {
		return ram, swap
	}
	ram = max(minMemory, mebibytes(*m.Limit))
	if m.Swap != nil && *m.Swap >= *m.Limit {
		swap = mebibytes(*m.Swap - *m.Limit)
	}
	return ram, swap
}

// mebibytes converts bytes to MiB and rounds up.
func mebibytes(n int64) int64 {
	whole := n / mebibyte
	if n%mebibyte > 0 {
		whole++
	}
	return whole
}

// mostCPUs is the largest --cpulimit that Proxmox VE accepts (pct(1)).
const mostCPUs = 8192

// cpuLimit returns the CPU limit that the interface shows, in CPUs; 0 means no limit. The exact
// limit is set in the cgroup.
func cpuLimit(r *specs.LinuxResources) float64 {
	if r == nil || r.CPU == nil || r.CPU.Quota == nil || *r.CPU.Quota <= 0 {
		return 0
	}
	c := r.CPU
	period := uint64(100000) // the kernel's default (cpu.max)
	if c.Period != nil && *c.Period > 0 {
		period = *c.Period
	}
	return min(mostCPUs, float64(*c.Quota)/float64(period))
}

func arch() string {
	// Proxmox VE and Go use the same names for all architectures except this one.
	if goruntime.GOARCH == "386" {
		return "i386"
	}
	return goruntime.GOARCH
}

// hostname returns the DNS name under which Proxmox VE shows the CT, and the JSON path of the field
// that the name comes from ("" for the id). For a container of a Kubernetes pod the name is made of
// the pod's and the container's name. Otherwise it is the container's hostname, or else its id.
func hostname(j *enclosure.Job) (name, from string) {
	type candidate struct{ name, from string }
	candidates := []candidate{{j.Spec.Hostname, "hostname"}, {j.ID, ""}}
	if pod, ok := spec.PodOf(j.Annotations); ok {
		candidates = append([]candidate{{podName(pod), "annotations"}}, candidates...)
	}
	for _, c := range candidates {
		if name := dnsLabel(c.name); name != "" {
			return name, c.from
		}
	}
	return "oci", ""
}

// engine returns the name of the container engine as a tag; "" if it is unknown.
func engine(annotations map[string]string) string {
	return strings.ReplaceAll(spec.Engine(annotations), "_", "-")
}

// cpuUnits returns the CPU weight (cgroup v2); 0 if config.json sets none.
func cpuUnits(r *specs.LinuxResources) uint64 {
	if r == nil {
		return 0
	}
	// A weight that is out of range is left to the kernel, which refuses it with its own error.
	if weight, err := strconv.ParseUint(r.Unified["cpu.weight"], 10, 64); err == nil && weight <= 10000 {
		return weight
	}
	if r.CPU == nil || r.CPU.Shares == nil {
		return 0
	}
	return cgroups.ConvertCPUSharesToCgroupV2Value(*r.CPU.Shares)
}
