package pct

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// The annotations by which a container asks for a network device of Proxmox
// VE's, and for an address that is not the configuration's.
const (
	NetAnnotation = "io.github.berth-oci.pct.net" // its only value: bridge
	IPAnnotation  = "io.github.berth-oci.pct.ip"  // as in Network.IP
)

// Network is the device of a container that asks for one.
type Network struct {
	// Bridge is the host's; without one nobody gets a device.
	Bridge string
	// Tag is the VLAN, 0 for none.
	Tag int
	// IP and IP6 are an address with the length of its prefix, or "dhcp",
	// "auto" or "manual" as pct(1) has them; Gateway and Gateway6 addresses.
	IP, Gateway, IP6, Gateway6 string
	// Firewall has the packets pass Proxmox VE's firewall.
	Firewall bool
	// Rate is a limit in MB/s, 0 for none.
	Rate float64
}

// asksForNetwork says whether a container wants a device.
func asksForNetwork(s *specs.Spec) bool { return s.Annotations[NetAnnotation] != "" }

// check refuses what a container asks for in vain: its device is in a
// network namespace that LXC makes for it, never in one that is an engine's.
func (n *Network) check(s *specs.Spec) spec.Problems {
	problem := func(path, format string, args ...any) spec.Problems {
		return spec.Problems{{Path: path, Level: spec.Error, Message: fmt.Sprintf(format, args...)}}
	}
	annotation := func(key string) string { return fmt.Sprintf("annotations[%q]", key) }
	if !asksForNetwork(s) {
		if s.Annotations[IPAnnotation] != "" {
			return problem(annotation(IPAnnotation), "it says nothing without %s=bridge", NetAnnotation)
		}
		return nil
	}
	if kind := s.Annotations[NetAnnotation]; kind != "bridge" {
		return problem(annotation(NetAnnotation), "%q: the only network that a container can ask for is bridge", kind)
	}
	if n.Bridge == "" {
		return problem(annotation(NetAnnotation), "the configuration of berth names no bridge (pct.network.bridge)")
	}
	if _, kind := spec.Namespace(s, specs.NetworkNamespace); kind != spec.New {
		return problem("linux.namespaces", "%s=bridge needs a new network namespace of the container's own; this one's is the host's or one that exists (podman: --network none)", NetAnnotation)
	}
	if ip := s.Annotations[IPAnnotation]; ip != "" {
		if p, err := netip.ParsePrefix(ip); (err != nil || !p.Addr().Is4()) && ip != "dhcp" && ip != "manual" {
			return problem(annotation(IPAnnotation), "%q is no IPv4 address with the length of its prefix, such as 10.0.0.7/24", ip)
		}
	}
	return nil
}

// device is the value of --net0 for a container; empty if it asks for none.
// Nothing in an image would set the address, so Proxmox VE does (host-managed).
func (n *Network) device(s *specs.Spec) string {
	if !asksForNetwork(s) {
		return ""
	}
	ip, gateway := n.IP, n.Gateway
	if own := s.Annotations[IPAnnotation]; own != "" {
		ip = own
	}
	if !strings.Contains(ip, "/") {
		gateway = ""
	}
	parts := []string{"name=eth0", "bridge=" + n.Bridge, "host-managed=1"}
	add := func(key, value string) {
		if value != "" {
			parts = append(parts, key+"="+value)
		}
	}
	add("ip", ip)
	add("gw", gateway)
	add("ip6", n.IP6)
	add("gw6", n.Gateway6)
	if n.Tag != 0 {
		add("tag", strconv.Itoa(n.Tag))
	}
	if n.Firewall {
		add("firewall", "1")
	}
	if n.Rate != 0 {
		add("rate", strconv.FormatFloat(n.Rate, 'f', -1, 64))
	}
	return strings.Join(parts, ",")
}
