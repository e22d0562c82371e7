package process

import (
	"fmt"
	"os"
	"strings"

	"github.com/moby/sys/capability"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// Capabilities are the five sets of capabilities(7). Bit n stands for capability n.
type Capabilities struct {
	Bounding    uint64 `json:"bounding"`
	Effective   uint64 `json:"effective"`
	Inheritable uint64 `json:"inheritable"`
	Permitted   uint64 `json:"permitted"`
	Ambient     uint64 `json:"ambient"`
}

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

// limitBounding drops from the bounding set what is not in c.Bounding. Dropping needs CAP_SETPCAP,
// so limitBounding runs before the user changes.
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

// held are the sets of a thread that limit which capabilities it can get.
type held struct{ permitted, inheritable, bounding uint64 }

// threadsOwn returns the sets of the calling thread.
func threadsOwn() (h held, err error) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return h, fmt.Errorf("capget: %w", err)
	}
	h.permitted = uint64(data[1].Permitted)<<32 | uint64(data[0].Permitted)
	h.inheritable = uint64(data[1].Inheritable)<<32 | uint64(data[0].Inheritable)
	h.bounding, err = boundingSet()
	return h, err
}

// granted returns the part of c that a thread with the sets h can get by the rules of
// capabilities(7), so that capset(2) does not fail with EPERM. The warnings name the rest.
func (c *Capabilities) granted(h held) (out Capabilities, warnings []error) {
	out.Bounding = c.Bounding & h.bounding
	out.Permitted = c.Permitted & h.permitted
	out.Effective = c.Effective & out.Permitted
	out.Inheritable = c.Inheritable & (h.inheritable | h.permitted&out.Bounding)
	out.Ambient = c.Ambient & out.Permitted & out.Inheritable
	for _, set := range []struct {
		name      string
		want, got uint64
	}{
		{"bounding", c.Bounding, out.Bounding},
		{"permitted", c.Permitted, out.Permitted},
		{"effective", c.Effective, out.Effective},
		{"inheritable", c.Inheritable, out.Inheritable},
		{"ambient", c.Ambient, out.Ambient},
	} {
		if missing := set.want &^ set.got; missing != 0 {
			warnings = append(warnings,
				spec.Fieldf("process.capabilities."+set.name, "cannot be granted: %s", capNames(missing)))
		}
	}
	return out, warnings
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

// apply sets the thread's permitted, effective, inheritable and ambient sets. Capabilities that the
// thread does not have cannot be granted, and are returned as warnings. The capabilities in keep
// stay permitted and effective if the thread has them.
func (c *Capabilities) apply(keep uint64) (warnings []error, err error) {
	own, err := threadsOwn()
	if err != nil {
		return nil, err
	}
	give, warnings := c.granted(own)
	keep &= own.permitted
	// The kernel drops an ambient capability when it is no longer permitted. The others have to be
	// cleared.
	if err := capability.ResetAmbient(); err != nil {
		return nil, fmt.Errorf("clear the ambient capabilities: %w", err)
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	for i := range data {
		shift := 32 * i
		data[i] = unix.CapUserData{
			Permitted:   uint32((give.Permitted | keep) >> shift),
			Effective:   uint32((give.Effective | keep) >> shift),
			Inheritable: uint32(give.Inheritable >> shift),
		}
	}
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		return nil, fmt.Errorf("capset(permitted %#x, effective %#x, inheritable %#x): %w",
			give.Permitted|keep, give.Effective|keep, give.Inheritable, err)
	}
	for _, n := range caps(give.Ambient) {
		if err := capability.SetAmbient(true, n); err != nil {
			return nil, fmt.Errorf("raise the ambient capability %s: %w", n, err)
		}
	}
	return warnings, nil
}

// raise makes the capabilities of mask effective that the thread has permitted. setresuid(2) from
// root to another user leaves none effective.
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

// String formats the sets as the hexadecimal masks of /proc/PID/status (proc_pid_status(5)).
func (c *Capabilities) String() string {
	return fmt.Sprintf("inheritable %016x, permitted %016x, effective %016x, bounding %016x, ambient %016x",
		c.Inheritable, c.Permitted, c.Effective, c.Bounding, c.Ambient)
}
