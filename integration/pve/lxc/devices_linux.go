package lxc

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/schema"
)

// Device is a host device passed through to a container.
type Device struct {
	Path      string // on the host and in the container
	Block     bool
	Number    uint64
	Mode      uint32
	UID, GID  int
	ReadOnly  bool
	Permitted string // for the device policy
}

// Devices looks up the devN of a configuration on the host.
func Devices(conf *ctconf.Section) ([]Device, error) {
	var devices []Device
	for i := range ctconf.MaxDevices {
		value, ok := conf.Values[fmt.Sprintf("dev%d", i)]
		if !ok {
			continue
		}
		parts, err := schema.ParseProperty(ctconf.Device, value)
		if err != nil {
			return nil, err
		}
		device, err := lookUp(parts)
		if err != nil {
			return nil, err
		}
		devices = append(devices, device)
	}
	return devices, nil
}

func lookUp(parts map[string]string) (Device, error) {
	path := parts["path"]
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return Device{}, failure.Missing("Device %s does not exist", path)
	}
	kind := stat.Mode & unix.S_IFMT
	if kind != unix.S_IFBLK && kind != unix.S_IFCHR {
		return Device{}, failure.New("%s is not a device", path)
	}
	device := Device{Path: path, Block: kind == unix.S_IFBLK, Number: uint64(stat.Rdev), Mode: 0o660, Permitted: "rw"}
	if mode, ok := parts["mode"]; ok {
		bits, err := strconv.ParseUint(mode, 8, 32)
		if err != nil {
			return Device{}, failure.New("mode of %s: %v", path, err)
		}
		device.Mode = uint32(bits)
	}
	device.UID, _ = strconv.Atoi(parts["uid"])
	device.GID, _ = strconv.Atoi(parts["gid"])
	if parts["deny-write"] == "1" {
		device.ReadOnly, device.Permitted = true, "r"
	}
	return device, nil
}

func (d Device) letter() string {
	if d.Block {
		return "b"
	}
	return "c"
}

// String returns the device in the format that PVE's hooks use among themselves:
// c:10:229:/dev/fuse.
func (d Device) String() string {
	return fmt.Sprintf("%s:%d:%d:%s", d.letter(), unix.Major(d.Number), unix.Minor(d.Number), d.Path)
}

// DevicePath returns the path in the output of Device.String.
func DevicePath(line string) (string, error) {
	parts := strings.SplitN(line, ":", 4)
	if len(parts) != 4 || !strings.HasPrefix(parts[3], "/dev/") {
		return "", failure.New("no device: '%s'", line)
	}
	return parts[3], nil
}

func (g *generator) devices() error {
	devices, err := Devices(g.conf)
	if err != nil {
		return err
	}
	for _, d := range devices {
		major, minor := unix.Major(d.Number), unix.Minor(d.Number)
		g.line("lxc.cgroup2.devices.allow", "%s %d:%d %s", d.letter(), major, minor, d.Permitted)
		if d.ReadOnly {
			g.line("lxc.cgroup2.devices.deny", "%s %d:%d w", d.letter(), major, minor)
		}
	}
	return nil
}

// networks writes the veth devices.
func (g *generator) networks() error {
	for _, key := range g.conf.Keys() {
		index, ok := strings.CutPrefix(key, "net")
		if _, err := strconv.Atoi(index); !ok || err != nil {
			continue
		}
		net, err := schema.ParseProperty(ctconf.Network, g.conf.Values[key])
		if err != nil {
			return err
		}
		bridgeMTU, err := BridgeMTU(net["bridge"])
		if err != nil {
			return err
		}
		mtu := bridgeMTU
		if wanted, err := strconv.Atoi(net["mtu"]); err == nil {
			if mtu = wanted; mtu > bridgeMTU {
				return failure.New("%s: MTU size '%d' is bigger than bridge MTU '%d'", key, mtu, bridgeMTU)
			}
		}
		prefix := "lxc.net." + index + "."
		g.line(prefix+"type", "veth")
		g.line(prefix+"veth.pair", "veth%si%s", g.id, index)
		if address := net["hwaddr"]; address != "" {
			g.line(prefix+"hwaddr", "%s", address)
		}
		g.line(prefix+"name", "%s", net["name"])
		g.line(prefix+"mtu", "%d", mtu)
		g.line(prefix+"script.up", "%s", NetworkScript)
		if net["link_down"] != "1" && net["host-managed"] == "1" {
			if err := g.addresses(key, prefix, net); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *generator) addresses(key, prefix string, net map[string]string) error {
	if net["ip6"] == "auto" {
		return failure.New("%s: SLAAC is not supported for host-managed network configuration", key)
	}
	for _, a := range []struct{ part, suffix string }{
		{"ip", "ipv4.address"}, {"gw", "ipv4.gateway"}, {"ip6", "ipv6.address"}, {"gw6", "ipv6.gateway"},
	} {
		if v := net[a.part]; v != "" && v != "dhcp" && v != "manual" {
			g.line(prefix+a.suffix, "%s", v)
		}
	}
	g.line(prefix+"flags", "up")
	return nil
}

// BridgeMTU returns a bridge's MTU. It fails with PVE's error if the bridge does not exist.
func BridgeMTU(bridge string) (int, error) {
	raw, err := os.ReadFile("/sys/class/net/" + bridge + "/mtu")
	if bridge == "" || err != nil {
		return 0, failure.Missing("bridge '%s' does not exist", bridge)
	}
	return strconv.Atoi(strings.TrimSpace(string(raw)))
}
