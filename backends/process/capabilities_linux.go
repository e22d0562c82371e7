package process

import (
	"fmt"
	"strings"

	"github.com/moby/sys/capability"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Capabilities are the five sets of capabilities(7), bit n for capability n.
type Capabilities struct {
	Bounding    uint64 `json:"bounding"`
	Effective   uint64 `json:"effective"`
	Inheritable uint64 `json:"inheritable"`
	Permitted   uint64 `json:"permitted"`
	Ambient     uint64 `json:"ambient"`
}

// takeCapabilities turns names into sets. A name that the kernel does not have is a warning and no error: the
// specification ("Linux Process" in config.md) wants values that cannot be mapped or granted logged. A spec without
// capabilities gives none, as in crun, and in runc before 1.3.
func (a *Attributes) takeCapabilities(p *specs.Process, _ *specs.Spec) error {
	a.Capabilities = new(Capabilities)
	if p.Capabilities == nil {
		return nil
	}
	supported, err := capability.ListSupported()
	if err != nil {
		return fmt.Errorf("ask the kernel for its capabilities: %w", err)
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
					fmt.Sprintf("process.capabilities.%s[%d]: ignored: the kernel has no capability %q", name, i, c))
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

// limitBounding drops what is not wanted from the bounding set. It needs CAP_SETPCAP, and so comes before the user is
// changed.
func (c *Capabilities) limitBounding() error {
	last, err := capability.LastCap()
	if err != nil {
		return fmt.Errorf("ask the kernel for its last capability: %w", err)
	}
	for n := capability.Cap(0); n <= last; n++ {
		if c.Bounding&(1<<uint(n)) != 0 {
			continue
		}
		has, err := capability.GetBound(n)
		if err == nil && has {
			err = capability.DropBound(n)
		}
		if err != nil {
			return fmt.Errorf("drop %s from the bounding set: %w", n, err)
		}
	}
	return nil
}

// apply sets the thread's permitted, effective, inheritable and ambient sets. What the thread does not have cannot be
// granted, and is returned as warnings. The capabilities in keep stay permitted and effective, if the thread has them.
func (c *Capabilities) apply(keep uint64) (warnings []string, err error) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return nil, fmt.Errorf("capget: %w", err)
	}
	had := uint64(data[1].Permitted)<<32 | uint64(data[0].Permitted)
	hadInheritable := uint64(data[1].Inheritable)<<32 | uint64(data[0].Inheritable)
	bounding, err := boundingSet()
	if err != nil {
		return nil, err
	}

	// What capset(2) would refuse with EPERM, by the rules of capabilities(7).
	permitted := c.Permitted & had
	effective := c.Effective & permitted
	inheritable := c.Inheritable & (hadInheritable | had&bounding)
	ambient := c.Ambient & permitted & inheritable
	for _, set := range []struct {
		name      string
		want, got uint64
	}{
		{"bounding", c.Bounding, bounding},
		{"permitted", c.Permitted, permitted},
		{"effective", c.Effective, effective},
		{"inheritable", c.Inheritable, inheritable},
		{"ambient", c.Ambient, ambient},
	} {
		if missing := set.want &^ set.got; missing != 0 {
			warnings = append(warnings,
				fmt.Sprintf("process.capabilities.%s: cannot be granted: %s", set.name, capNames(missing)))
		}
	}

	keep &= had
	// Ambient capabilities that are no longer permitted go by themselves; those that are, by this.
	if err := capability.ResetAmbient(); err != nil {
		return nil, fmt.Errorf("clear the ambient capabilities: %w", err)
	}
	for i := range data {
		shift := 32 * i
		data[i] = unix.CapUserData{
			Permitted:   uint32((permitted | keep) >> shift),
			Effective:   uint32((effective | keep) >> shift),
			Inheritable: uint32(inheritable >> shift),
		}
	}
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		return nil, fmt.Errorf("capset(permitted %#x, effective %#x, inheritable %#x): %w",
			permitted|keep, effective|keep, inheritable, err)
	}
	for _, n := range caps(ambient) {
		if err := capability.SetAmbient(true, n); err != nil {
			return nil, fmt.Errorf("raise the ambient capability %s: %w", n, err)
		}
	}
	return warnings, nil
}

// raise makes permitted capabilities effective, those of mask that the thread has: setresuid(2) from root to another
// user leaves none effective.
func raise(mask uint64) error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	for i := range data {
		data[i].Effective |= uint32(mask>>(32*i)) & data[i].Permitted
	}
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		return fmt.Errorf("capset (raise %s): %w", capNames(mask), err)
	}
	return nil
}

func boundingSet() (mask uint64, err error) {
	last, err := capability.LastCap()
	if err != nil {
		return 0, fmt.Errorf("ask the kernel for its last capability: %w", err)
	}
	for n := capability.Cap(0); n <= last; n++ {
		has, err := capability.GetBound(n)
		if err != nil {
			return 0, fmt.Errorf("read %s of the bounding set: %w", n, err)
		}
		if has {
			mask |= 1 << uint(n)
		}
	}
	return mask, nil
}

func caps(mask uint64) (list []capability.Cap) {
	for n := range 64 {
		if mask&(1<<n) != 0 {
			list = append(list, capability.Cap(n))
		}
	}
	return list
}

func capNames(mask uint64) string {
	var names []string
	for _, n := range caps(mask) {
		names = append(names, "CAP_"+strings.ToUpper(n.String()))
	}
	return strings.Join(names, ", ")
}

// String gives the sets as the hexadecimal masks of /proc/PID/status
// (proc_pid_status(5)).
func (c *Capabilities) String() string {
	return fmt.Sprintf("inheritable %016x, permitted %016x, effective %016x, bounding %016x, ambient %016x",
		c.Inheritable, c.Permitted, c.Effective, c.Bounding, c.Ambient)
}
