//go:build linux && integration

package lifecycle

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

const (
	askForNetwork = "io.github.berth-oci.pct.net"
	askForAddress = "io.github.berth-oci.pct.ip"
)

// bridge makes a bridge with an address on the host, and a configuration that names the bridge. It
// returns the configuration's path.
func bridge(t *testing.T, name, address, gateway string) (config string) {
	t.Helper()
	suite.Output(t, "ip", "link", "add", name, "type", "bridge")
	t.Cleanup(func() { suite.Output(t, "ip", "link", "delete", name) })
	suite.Output(t, "ip", "address", "add", address, "dev", name)
	suite.Output(t, "ip", "link", "set", name, "up")
	config = filepath.Join(t.TempDir(), "config.toml")
	text := "[pct.network]\nbridge = \"" + name + "\"\ngateway = \"" + gateway + "\"\nrate = 50\nfirewall = true\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}

func annotate(key, value string) func(*specs.Spec) {
	return func(s *specs.Spec) {
		if s.Annotations == nil {
			s.Annotations = map[string]string{}
		}
		s.Annotations[key] = value
	}
}

func mayPing(s *specs.Spec) {
	for _, set := range []*[]string{&s.Process.Capabilities.Bounding, &s.Process.Capabilities.Permitted, &s.Process.Capabilities.Effective} {
		*set = append(*set, "CAP_NET_RAW")
	}
}

// TestBridge checks that a container that asks for Proxmox VE's network is on the bridge of the
// configuration, and that a container that does not ask has only its loopback interface.
func TestBridge(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	config := bridge(t, "berthbr0", "10.99.7.1/24", "10.99.7.1")
	b := newBox(t, "ip -o -4 address show dev eth0; ip route; ping -c 1 -w 30 10.99.7.1 >/dev/null && echo answered; ls /sys/class/net",
		annotate(askForNetwork, "bridge"), annotate(askForAddress, "10.99.7.9/24"), mayPing)
	plain := b.sibling("plain", "ls /sys/class/net")
	for _, c := range []*box{b, plain} {
		cmd := c.command(c.createArgs()...)
		cmd.Args = slices.Insert(cmd.Args, 1, "--config", config)
		c.createWith(cmd)
	}
	net0 := ctConfig(t, b.enclosureName())["net0"]
	for _, part := range []string{"name=eth0", "bridge=berthbr0", "ip=10.99.7.9/24", "gw=10.99.7.1", "rate=50", "firewall=1", "host-managed=1", "type=veth"} {
		if !slices.Contains(strings.Split(net0, ","), part) {
			t.Errorf("net0 is %q, without %s", net0, part)
		}
	}
	if net0 := ctConfig(t, plain.enclosureName())["net0"]; net0 != "" {
		t.Errorf("net0 of a container that has not asked: %q", net0)
	}
	for _, c := range []*box{b, plain} {
		c.start()
		c.wait()
	}
	got := b.said("stdout")
	for _, want := range []string{"inet 10.99.7.9/24", "default via 10.99.7.1", "answered\neth0\nlo\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("the container says %q, without %q; stderr %q", got, want, b.said("stderr"))
		}
	}
	if got := plain.said("stdout"); got != "lo\n" {
		t.Errorf("a container that has not asked has %q", got)
	}
	for _, c := range []*box{b, plain} {
		c.must("delete", c.id)
	}
}

// TestBridgeVLAN checks that create fails if the configuration has a VLAN tag, the bridge is not
// VLAN-aware, and the bridge has no host interface on which to make a VLAN interface.
func TestBridgeVLAN(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	config := bridge(t, "berthbr1", "10.99.8.1/24", "10.99.8.1")
	f, err := os.OpenFile(config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("tag = 20\n"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	b := newBox(t, "true", annotate(askForNetwork, "bridge"))
	cmd := b.command(b.createArgs()...)
	cmd.Args = slices.Insert(cmd.Args, 1, "--config", config)
	o := suite.Execute(t, cmd)
	if o.Status != 1 || !strings.Contains(o.Stderr, "startup for container") {
		t.Errorf("status %d, stderr %q", o.Status, o.Stderr)
	}
}

// TestBridgeRefused checks that create refuses network requests that cannot be fulfilled.
func TestBridgeRefused(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	hostNetwork := func(s *specs.Spec) {
		s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.NetworkNamespace })
	}
	config := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(config, []byte("[pct.network]\nbridge = \"nosuchbr0\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		config string
		edits  []func(*specs.Spec)
		words  string
	}{
		"no bridge configured": {"/dev/null", []func(*specs.Spec){annotate(askForNetwork, "bridge")}, "names no bridge"},
		"another kind":         {config, []func(*specs.Spec){annotate(askForNetwork, "routed\nlxc.net.0.type: phys")}, askForNetwork},
		"the host's network":   {config, []func(*specs.Spec){annotate(askForNetwork, "bridge"), hostNetwork}, "linux.namespaces"},
		"no address":           {config, []func(*specs.Spec){annotate(askForNetwork, "bridge"), annotate(askForAddress, "10.0.0.7/24,tag=1")}, askForAddress},
		"no such bridge":       {config, []func(*specs.Spec){annotate(askForNetwork, "bridge")}, "bridge 'nosuchbr0' does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "true", c.edits...)
			cmd := b.command(b.createArgs()...)
			cmd.Args = slices.Insert(cmd.Args, 1, "--config", c.config)
			o := suite.Execute(t, cmd)
			if o.Status != 1 || !strings.Contains(o.Stderr, c.words) {
				t.Errorf("status %d, stderr %q; want 1 and %q", o.Status, o.Stderr, c.words)
			}
		})
	}
}
