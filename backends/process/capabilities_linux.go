package process

import (
	"fmt"
	"strings"

	"github.com/moby/sys/capability"
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

func boundingSet() (mask uint64, err error) {
	last, err := capability.LastCap()
	if err != nil {
		return 0, fmt.Errorf("get the kernel's last capability: %w", err)
	}
	for n := capability.Cap(0); n <= last; n++ {
		has, err := capability.GetBound(n)
		if err != nil {
			return 0, fmt.Errorf("read %s in the bounding set: %w", n, err)
		}
		if has {
			mask |= 1 << uint(n)
		}
	}
	return mask, nil
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
