package pct

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

func TestNetworkDevice(t *testing.T) {
	t.Parallel()
	whole := Network{Bridge: "vmbr0", Tag: 12, IP: "10.0.0.2/24", Gateway: "10.0.0.1", IP6: "fd00::2/64", Gateway6: "fd00::1", Firewall: true, Rate: 12.5}
	for name, c := range map[string]struct {
		network     Network
		annotations map[string]string
		want        string
	}{
		"not asked for":       {whole, nil, ""},
		"all":                 {whole, map[string]string{NetAnnotation: "bridge"}, "name=eth0,bridge=vmbr0,host-managed=1,ip=10.0.0.2/24,gw=10.0.0.1,ip6=fd00::2/64,gw6=fd00::1,tag=12,firewall=1,rate=12.5"},
		"nothing but":         {Network{Bridge: "vmbr0"}, map[string]string{NetAnnotation: "bridge"}, "name=eth0,bridge=vmbr0,host-managed=1"},
		"an address":          {Network{Bridge: "vmbr0", Gateway: "10.0.0.1"}, map[string]string{NetAnnotation: "bridge", IPAnnotation: "10.0.0.9/24"}, "name=eth0,bridge=vmbr0,host-managed=1,ip=10.0.0.9/24,gw=10.0.0.1"},
		"a gateway with dhcp": {Network{Bridge: "vmbr0", IP: "dhcp", Gateway: "10.0.0.1"}, map[string]string{NetAnnotation: "bridge"}, "name=eth0,bridge=vmbr0,host-managed=1,ip=dhcp"},
	} {
		if got := c.network.device(&specs.Spec{Annotations: c.annotations}); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestNetworkCheck checks which requests for a network device are refused, at which path.
func TestNetworkCheck(t *testing.T) {
	t.Parallel()
	const net, ip = `annotations["` + NetAnnotation + `"]`, `annotations["` + IPAnnotation + `"]`
	fresh := []specs.LinuxNamespace{{Type: specs.NetworkNamespace}}
	bridge := Network{Bridge: "vmbr0"}
	for name, c := range map[string]struct {
		network     Network
		namespaces  []specs.LinuxNamespace
		annotations map[string]string
		path        string // "": not refused
	}{
		"not asked for":           {bridge, nil, nil, ""},
		"asked for":               {bridge, fresh, map[string]string{NetAnnotation: "bridge"}, ""},
		"an address":              {bridge, fresh, map[string]string{NetAnnotation: "bridge", IPAnnotation: "10.0.0.7/24"}, ""},
		"dhcp":                    {bridge, fresh, map[string]string{NetAnnotation: "bridge", IPAnnotation: "dhcp"}, ""},
		"manual":                  {bridge, fresh, map[string]string{NetAnnotation: "bridge", IPAnnotation: "manual"}, ""},
		"another kind":            {bridge, fresh, map[string]string{NetAnnotation: "host"}, net},
		"no bridge configured":    {Network{}, fresh, map[string]string{NetAnnotation: "bridge"}, net},
		"the host's network":      {bridge, nil, map[string]string{NetAnnotation: "bridge"}, "linux.namespaces"},
		"an engine's network":     {bridge, []specs.LinuxNamespace{{Type: specs.NetworkNamespace, Path: "/run/netns/x"}}, map[string]string{NetAnnotation: "bridge"}, "linux.namespaces"},
		"an address alone":        {bridge, fresh, map[string]string{IPAnnotation: "10.0.0.7/24"}, ip},
		"no prefix":               {bridge, fresh, map[string]string{NetAnnotation: "bridge", IPAnnotation: "10.0.0.7"}, ip},
		"IPv6":                    {bridge, fresh, map[string]string{NetAnnotation: "bridge", IPAnnotation: "fd00::2/64"}, ip},
		"IPv4 in IPv6":            {bridge, fresh, map[string]string{NetAnnotation: "bridge", IPAnnotation: "::ffff:10.0.0.7/120"}, ip},
		"another option":          {bridge, fresh, map[string]string{NetAnnotation: "bridge", IPAnnotation: "10.0.0.7/24,firewall=0"}, ip},
		"another line":            {bridge, fresh, map[string]string{NetAnnotation: "bridge", IPAnnotation: "10.0.0.7/24\nlock: x"}, ip},
		"an option in the bridge": {bridge, fresh, map[string]string{NetAnnotation: "bridge,firewall=0"}, net},
	} {
		s := &specs.Spec{Annotations: c.annotations, Linux: &specs.Linux{Namespaces: c.namespaces}}
		ps := c.network.check(s)
		if c.path == "" && len(ps) > 0 || c.path != "" && (len(ps) != 1 || ps[0].Path != c.path || ps[0].Level != spec.Error) {
			t.Errorf("%s: %v, want a problem of %q", name, ps, c.path)
		}
	}
}
