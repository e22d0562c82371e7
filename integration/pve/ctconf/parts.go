package ctconf

import (
	"strings"

	"github.com/berth-oci/berth/integration/pve/schema"
)

const mountOption = `(discard|lazytime|noatime|nodev|noexec|nosuid)`

// The parts of the keys whose values are property strings.
var (
	RootFS = schema.Object{
		"volume": {Type: schema.String, DefaultKey: true, Format: "pve-lxc-mp-string"},
		"size":   text("disk-size"),
		"acl":    flag(),
		// As in PVE, the anchors apply to the whole pattern, not to each alternative.
		"mountoptions": pattern(`^` + mountOption + `(;` + mountOption + `)*$`),
		"idmap": pattern(`^(?:passthrough|[ug]:[0-9]+:[0-9]+:[1-9][0-9]*` +
			`(?:;[ug]:[0-9]+:[0-9]+:[1-9][0-9]*)*)$`),
		"ro":        flag(),
		"quota":     flag(),
		"replicate": flag(),
		"shared":    flag(),
	}
	MountPoint = RootFS.With(schema.Object{
		"mp":        {Type: schema.String, Format: "pve-lxc-mp-string"},
		"backup":    flag(),
		"keepattrs": flag(),
	})
	Unused = schema.Object{"volume": {Type: schema.String, DefaultKey: true, Format: "pve-volume-id"}}

	Network = schema.Object{
		"type":         enum("veth"),
		"name":         required(`^[-_.\w\d]+$`),
		"bridge":       pattern(`^[-_.\w\d]+$`),
		"hwaddr":       text("mac-addr"),
		"mtu":          integer(64, 65535),
		"ip":           text("pve-ipv4-config"),
		"gw":           text("ipv4"),
		"ip6":          text("pve-ipv6-config"),
		"gw6":          text("ipv6"),
		"firewall":     flag(),
		"tag":          integer(1, 4094),
		"trunks":       pattern(`^\d+(?:;\d+)*$`),
		"rate":         {Type: schema.Number, Optional: true},
		"link_down":    flag(),
		"host-managed": flag(),
	}
	Device = schema.Object{
		"path":       {Type: schema.String, DefaultKey: true, Format: "pve-lxc-dev-string", Optional: true},
		"mode":       pattern(`^0[0-7]{3}$`),
		"uid":        integer(0, 0),
		"gid":        integer(0, 0),
		"deny-write": flag(),
	}
	Features = schema.Object{
		"mount":        pattern(`^[a-zA-Z0-9_; ]+$`),
		"nesting":      flag(),
		"keyctl":       flag(),
		"fuse":         flag(),
		"mknod":        flag(),
		"force_rw_sys": flag(),
	}
)

func required(form string) *schema.Prop {
	p := pattern(form)
	p.Optional = false
	return p
}

// Mount is one volume of a container.
type Mount struct {
	Key    string // rootfs, mp0 …
	Volume string
	Target string // path in the container
	Parts  map[string]string
}

// Kinds of a mount's volume.
const (
	Bind        = "bind"
	BlockDevice = "device"
	Volume      = "volume"
)

// Kind classifies a mount by its volume's name.
func (m *Mount) Kind() string {
	switch {
	case strings.HasPrefix(m.Volume, "/dev/"):
		return BlockDevice
	case strings.HasPrefix(m.Volume, "/"):
		return Bind
	}
	return Volume
}

// ParseMount parses the value of the key rootfs or mpN.
func ParseMount(key, value string) (*Mount, error) {
	o := MountPoint
	if key == "rootfs" {
		o = RootFS
	}
	parts, err := schema.ParseProperty(o, value)
	if err != nil {
		return nil, err
	}
	m := &Mount{Key: key, Volume: parts["volume"], Target: parts["mp"], Parts: parts}
	if key == "rootfs" {
		m.Target = "/"
	}
	return m, nil
}

// String returns the mount as PVE writes it to a configuration.
func (m *Mount) String() string { return schema.PrintProperty(MountPoint, m.Parts) }
