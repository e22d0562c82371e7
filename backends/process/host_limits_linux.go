package process

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

var resources = map[string]int{
	"RLIMIT_AS":         unix.RLIMIT_AS,
	"RLIMIT_CORE":       unix.RLIMIT_CORE,
	"RLIMIT_CPU":        unix.RLIMIT_CPU,
	"RLIMIT_DATA":       unix.RLIMIT_DATA,
	"RLIMIT_FSIZE":      unix.RLIMIT_FSIZE,
	"RLIMIT_LOCKS":      unix.RLIMIT_LOCKS,
	"RLIMIT_MEMLOCK":    unix.RLIMIT_MEMLOCK,
	"RLIMIT_MSGQUEUE":   unix.RLIMIT_MSGQUEUE,
	"RLIMIT_NICE":       unix.RLIMIT_NICE,
	"RLIMIT_NOFILE":     unix.RLIMIT_NOFILE,
	"RLIMIT_NPROC":      unix.RLIMIT_NPROC,
	"RLIMIT_RSS":        unix.RLIMIT_RSS,
	"RLIMIT_RTPRIO":     unix.RLIMIT_RTPRIO,
	"RLIMIT_RTTIME":     unix.RLIMIT_RTTIME,
	"RLIMIT_SIGPENDING": unix.RLIMIT_SIGPENDING,
	"RLIMIT_STACK":      unix.RLIMIT_STACK,
}

func (a *Attributes) takeLimits(p *specs.Process, _ *specs.Spec) error {
	seen := map[string]bool{}
	for i, l := range p.Rlimits {
		resource, ok := resources[l.Type]
		switch {
		case !ok:
			return spec.Fieldf(fmt.Sprintf("process.rlimits[%d].type", i), "unknown limit %q", l.Type)
		case seen[l.Type]:
			return spec.Fieldf(fmt.Sprintf("process.rlimits[%d].type", i), "%s is there twice", l.Type)
		case l.Soft > l.Hard:
			return spec.Fieldf(fmt.Sprintf("process.rlimits[%d].soft", i), "%d is more than the hard limit, %d", l.Soft, l.Hard)
		}
		seen[l.Type] = true
		a.Limits = append(a.Limits, Limit{Name: l.Type, Resource: resource, Soft: l.Soft, Hard: l.Hard})
	}
	if adj := p.OOMScoreAdj; adj != nil {
		if *adj < -1000 || *adj > 1000 {
			return spec.Fieldf("process.oomScoreAdj", "%d is not between -1000 and 1000", *adj)
		}
		a.OOMScoreAdj = adj
	}
	return nil
}
