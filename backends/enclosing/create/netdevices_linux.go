package create

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// moveDevices moves the network devices of linux.netDevices into the container
// (config-linux.md#network-devices). Each device is moved and renamed in one step, keeps its
// permanent global addresses, and is set up. When the network namespace ends, the kernel gives
// physical devices back to the host and removes virtual ones.
func moveDevices(s *specs.Spec, pid int) error {
	if len(s.Linux.NetDevices) == 0 {
		return nil
	}
	space, err := netns.GetFromPid(pid)
	if err != nil {
		return spec.Fieldf("linux.netDevices", "open the container's network namespace: %w", err)
	}
	defer space.Close()
	inside, err := netlink.NewHandleAt(space)
	if err != nil {
		return spec.Fieldf("linux.netDevices", "open netlink in the container's network namespace: %w", err)
	}
	defer inside.Close()
	for _, name := range slices.Sorted(maps.Keys(s.Linux.NetDevices)) {
		to := s.Linux.NetDevices[name].Name
		if to == "" {
			to = name
		}
		if err := moveDevice(name, to, space, inside); err != nil {
			return &spec.FieldError{Path: fmt.Sprintf("linux.netDevices[%q]", name), Err: err}
		}
	}
	return nil
}

func moveDevice(name, to string, space netns.NsHandle, inside *netlink.Handle) error {
	link, err := netlink.LinkByName(name)
	if err := interrupted(err); err != nil {
		return fmt.Errorf("no such network device: %w", err)
	}
	// A device can only be renamed while it is down. This also removes the host's routes at once.
	if err := netlink.LinkSetDown(link); err != nil {
		return fmt.Errorf("set the device down: %w", err)
	}
	addresses, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err := interrupted(err); err != nil {
		return fmt.Errorf("read its addresses: %w", err)
	}
	request := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	message := nl.NewIfInfomsg(unix.AF_UNSPEC)
	message.Index = int32(link.Attrs().Index)
	request.AddData(message)
	request.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(to)))
	request.AddData(nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(space))))
	if _, err := request.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("move the device into the container as %q: %w", to, err)
	}
	moved, err := inside.LinkByName(to)
	if err := interrupted(err); err != nil {
		return fmt.Errorf("find the device in the container as %q: %w", to, err)
	}
	for _, a := range addresses {
		// Other addresses belong to the old network: link-local ones, and those that expire.
		if a.Flags&unix.IFA_F_PERMANENT == 0 || a.Scope != unix.RT_SCOPE_UNIVERSE {
			continue
		}
		if err := inside.AddrAdd(moved, &netlink.Addr{IPNet: a.IPNet}); err != nil {
			return fmt.Errorf("restore the address %v: %w", a.IPNet, err)
		}
	}
	if err := inside.LinkSetUp(moved); err != nil {
		return fmt.Errorf("set the device up in the container: %w", err)
	}
	return nil
}

// interrupted drops the error that a list changed while it was read.
func interrupted(err error) error {
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil
	}
	return err
}
