//go:build linux

package hook

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/berth-oci/berth/integration/pve/cluster"
	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/host"
	"github.com/berth-oci/berth/integration/pve/lxc"
	"github.com/berth-oci/berth/integration/pve/schema"
)

// connectNetwork is lxc.net.N.script.up. It adds the host's end of a veth pair to its bridge.
func connectNetwork(h *host.Host, arguments []string) error {
	if name := os.Getenv("LXC_NAME"); strings.Trim(name, "0123456789") != "" {
		return nil
	}
	if len(arguments) != 5 {
		return failure.New("got unexpected argument count")
	}
	id, device := arguments[0], arguments[4]
	index, ok := strings.CutPrefix(device, "veth"+id+"i")
	if !ok || arguments[1] != "net" || arguments[2] != "up" || arguments[3] != "veth" {
		return failure.New("got unexpected interface name '%s'", device)
	}
	conf, err := cluster.Of(h).Load(id, func(string) {})
	if err != nil {
		return err
	}
	value, ok := conf.Values["net"+index]
	if !ok {
		return failure.New("unable to find network definition for interface '%s'", device)
	}
	net, err := schema.ParseProperty(ctconf.Network, value)
	if err != nil {
		return err
	}
	mtu, err := lxc.BridgeMTU(net["bridge"])
	if err != nil {
		return err
	}
	words := []string{"link", "set", "dev", device, "up", "mtu", strconv.Itoa(mtu), "master", net["bridge"]}
	if output, err := exec.Command("ip", words...).CombinedOutput(); err != nil {
		return fmt.Errorf("can't add interface '%s' to bridge '%s': %w: %s", device, net["bridge"], err, output)
	}
	return tagVLAN(device, net["bridge"], net["tag"])
}

// tagVLAN puts a bridge's port into a VLAN. For a bridge that is not VLAN-aware, PVE creates
// another bridge per VLAN that contains a physical interface of the host. The stand-in has no such
// interface, so tagVLAN fails with PVE's error.
func tagVLAN(device, bridge, tag string) error {
	if tag == "" {
		return nil
	}
	aware, err := os.ReadFile("/sys/class/net/" + bridge + "/bridge/vlan_filtering")
	if err != nil || strings.TrimSpace(string(aware)) != "1" {
		return failure.New("no physical interface on bridge '%s'", bridge)
	}
	for _, words := range [][]string{
		{"vlan", "delete", "dev", device, "vid", "1-4094"},
		{"vlan", "add", "dev", device, "vid", tag, "pvid", "untagged"},
	} {
		if output, err := exec.Command("bridge", words...).CombinedOutput(); err != nil {
			return fmt.Errorf("failed to add vlan tag %s to interface %s: %w: %s", tag, device, err, output)
		}
	}
	return nil
}
