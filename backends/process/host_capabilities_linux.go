package process

import (
	"fmt"
	"os"
	"strings"

	"github.com/moby/sys/capability"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// takeCapabilities turns names into sets. A name that the kernel does not know is a warning and not
// an error: the specification ("Linux Process" in config.md) wants values that cannot be mapped or
// granted to be logged. A spec without capabilities gives none, as in crun and in runc before 1.3.
func (a *Attributes) takeCapabilities(p *specs.Process, _ *specs.Spec) error {
	a.Capabilities = new(Capabilities)
	if p.Capabilities == nil {
		return nil
	}
	supported, err := capability.ListSupported()
	if err != nil {
		return fmt.Errorf("get the kernel's capabilities: %w", err)
	}
	bits := make(map[string]uint64, len(supported))
	for _, c := range supported {
		bits["CAP_"+strings.ToUpper(c.String())] = 1 << uint(c)
	}
	set := func(name string, list []string) (mask uint64) {
		for i, c := range list {
			bit, ok := bits[c]
			if !ok {
				a.Warnings = append(a.Warnings,
					spec.Fieldf(fmt.Sprintf("process.capabilities.%s[%d]", name, i), "ignored: the kernel has no capability %q", c))
			}
			mask |= bit
		}
		return mask
	}
	a.Capabilities = &Capabilities{
		Bounding:    set("bounding", p.Capabilities.Bounding),
		Effective:   set("effective", p.Capabilities.Effective),
		Inheritable: set("inheritable", p.Capabilities.Inheritable),
		Permitted:   set("permitted", p.Capabilities.Permitted),
		Ambient:     set("ambient", p.Capabilities.Ambient),
	}
	return nil
}

// Ungranted returns a warning for the capabilities that this process cannot give to the container's
// process: those that this process lacks itself, unless the container has a user namespace, and
// those that another of the container's sets excludes.
func (a *Attributes) Ungranted() []error {
	if a.Capabilities == nil {
		return nil
	}
	all := ^uint64(0)
	h := held{permitted: all, bounding: all}
	if !a.UserNamespace && os.Geteuid() == 0 { // for another user, nothing is created
		if own, err := threadsOwn(); err == nil {
			h = own
		}
	}
	_, warnings := a.Capabilities.granted(h)
	return warnings
}
