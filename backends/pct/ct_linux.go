package pct

import (
	goruntime "runtime"
	"strconv"
	"strings"

	"github.com/opencontainers/cgroups"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/enclosing"
	"github.com/berth-oci/berth/spec"
)

// describe is how a container shows in Proxmox VE.
func describe(j *enclosing.Job, s *Settings) *CreateOptions {
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
	// What comes from config.json is quoted: no line of it can pose as another.
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

// quoted is %q of a text, cut so that it has at most so many bytes: a description
// has no more than 8192 (pct(1), --description), and must hold the marker.
func quoted(text string, atMost int) string {
	const more = "…"
	q := strconv.Quote(text)
	for n := min(len(text), atMost); len(q) > atMost; n-- {
		q = strconv.Quote(text[:n] + more)
	}
	return q
}

const mebibyte = 1 << 20

// minMemory is the least that Proxmox VE accepts, in MiB.
const minMemory = 16

// memory is what the interface shows, in MiB: a limit rounded up, or for a
// container without one all that the host has. The exact limit is set in the
// cgroup.
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

// mebibytes rounds bytes up.
func mebibytes(n int64) int64 {
	whole := n / mebibyte
	if n%mebibyte > 0 {
		whole++
	}
	return whole
}

// mostCPUs is the greatest --cpulimit that Proxmox VE accepts (pct(1)).
const mostCPUs = 8192

// cpuLimit is in CPUs, 0 being no limit, for the interface to show; the exact one
// is set in the cgroup.
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
	// Proxmox VE and Go name the architectures alike, but for this one.
	if goruntime.GOARCH == "386" {
		return "i386"
	}
	return goruntime.GOARCH
}

// hostname is a DNS name, as Proxmox VE wants it, for the CT to be shown by: of
// a Kubernetes pod its name and the container's, else the container's hostname,
// else its id. It comes with the JSON path of its source.
func hostname(j *enclosing.Job) (name, from string) {
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

// engine names the engine for a tag.
func engine(annotations map[string]string) string {
	return strings.ReplaceAll(spec.Engine(annotations), "_", "-")
}

// cpuUnits is a weight of cgroup v2, 0 if config.json names none.
func cpuUnits(r *specs.LinuxResources) uint64 {
	if r == nil {
		return 0
	}
	// One that is out of bounds is for the kernel to refuse, in its words.
	if weight, err := strconv.ParseUint(r.Unified["cpu.weight"], 10, 64); err == nil && weight <= 10000 {
		return weight
	}
	if r.CPU == nil || r.CPU.Shares == nil {
		return 0
	}
	return cgroups.ConvertCPUSharesToCgroupV2Value(*r.CPU.Shares)
}
