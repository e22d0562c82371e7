package pct

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// NetAnnotation asks for a network device of Proxmox VE. IPAnnotation gives the device another
// address than the configuration's.
const (
	NetAnnotation = "io.github.berth-oci.pct.net" // its only value: bridge
	IPAnnotation  = "io.github.berth-oci.pct.ip"  // as in Network.IP
)

// Network describes the network device of a container that asks for one.
type Network struct {
	// Bridge is the host's bridge. If it is empty, no container gets a device.
	Bridge string
	// Tag is the VLAN; 0 means none.
	Tag int
	// IP and IP6 are an address with its prefix length, or "dhcp", "auto" or "manual" as in pct(1).
	// Gateway and Gateway6 are addresses.
	IP, Gateway, IP6, Gateway6 string
	// Firewall filters the device's packets with Proxmox VE's firewall.
	Firewall bool
	// Rate is a limit in MB/s; 0 means none.
	Rate float64
}

// asksForNetwork reports whether a container asks for a network device.
func asksForNetwork(s *specs.Spec) bool { return s.Annotations[NetAnnotation] != "" }

// check returns a problem for what the container cannot have. Its device must be in a network
// namespace that LXC makes, never in one that the host or an engine uses.
func (n *Network) check(s *specs.Spec) spec.Problems {
	problem := func(path, format string, args ...any) spec.Problems {
		return spec.Problems{{Path: path, Level: spec.Error, Message: fmt.Sprintf(format, args...)}}
	}
	annotation := func(key string) string { return fmt.Sprintf("annotations[%q]", key) }
	if !asksForNetwork(s) {
		if s.Annotations[IPAnnotation] != "" {
			return problem(annotation(IPAnnotation), "has an effect only beside %s=bridge", NetAnnotation)
		}
		return nil
	}
	if kind := s.Annotations[NetAnnotation]; kind != "bridge" {
		return problem(annotation(NetAnnotation), "must be bridge, not %q: there is no other network to ask for", kind)
	}
	if n.Bridge == "" {
		return problem(annotation(NetAnnotation), "berth's configuration names no bridge for it: set pct.network.bridge")
	}
	if _, kind := spec.Namespace(s, specs.NetworkNamespace); kind != spec.New {
		return problem("linux.namespaces", "must have a new network namespace for %s=bridge, not the host's or an existing one (podman: --network none)", NetAnnotation)
	}
	if ip := s.Annotations[IPAnnotation]; ip != "" {
		if p, err := netip.ParsePrefix(ip); (err != nil || !p.Addr().Is4()) && ip != "dhcp" && ip != "manual" {
			return problem(annotation(IPAnnotation), "must be an IPv4 address with the length of its prefix, such as 10.0.0.7/24, or dhcp or manual, not %q", ip)
		}
	}
	return nil
}

// device returns the value of --net0 for a container; "" if the container asks for no device.
// Proxmox VE sets the address (host-managed), because nothing in an image would.
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
