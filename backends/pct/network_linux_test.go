package pct

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
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
