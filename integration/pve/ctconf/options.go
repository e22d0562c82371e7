// Package ctconf handles a container's configuration: its keys, its grammar in /etc/pve, its raw
// LXC keys.
package ctconf

import (
	"strconv"
	"strings"

	"github.com/berth-oci/berth/integration/pve/schema"
)

// Maximum number of each indexed key, which is the highest index plus one.
const (
	MaxMountPoints = 256
	MaxDevices     = 256
	MaxNetworks    = 32
)

func flag() *schema.Prop { return &schema.Prop{Type: schema.Boolean, Optional: true} }

func text(format string) *schema.Prop {
	return &schema.Prop{Type: schema.String, Format: format, Optional: true}
}

func enum(values ...string) *schema.Prop {
	return &schema.Prop{Type: schema.String, Enum: values, Optional: true}
}

func integer(min, max float64) *schema.Prop {
	p := &schema.Prop{Type: schema.Integer, Min: schema.Limit(min), Optional: true}
	if max > 0 {
		p.Max = schema.Limit(max)
	}
	return p
}

func pattern(form string) *schema.Prop {
	return &schema.Prop{Type: schema.String, Pattern: form, Optional: true}
}

// plain holds the keys without an index.
var plain = schema.Object{
	"lock": enum("backup", "create", "destroyed", "disk", "fstrim", "migrate", "mounted", "rollback",
		"snapshot", "snapshot-delete"),
	"onboot":   flag(),
	"startup":  text("pve-startup-order"),
	"template": flag(),
	"arch":     enum("amd64", "i386", "arm64", "armhf", "riscv32", "riscv64"),
	"ostype": enum("debian", "devuan", "ubuntu", "centos", "fedora", "opensuse", "archlinux", "alpine",
		"gentoo", "nixos", "unmanaged"),
	"console":      flag(),
	"tty":          integer(0, 6),
	"cores":        integer(1, 8192),
	"cpulimit":     {Type: schema.Number, Min: schema.Limit(0), Max: schema.Limit(8192), Optional: true},
	"cpuunits":     integer(0, 500000),
	"memory":       integer(16, 0),
	"swap":         integer(0, 0),
	"hostname":     {Type: schema.String, Format: "dns-name", MaxLength: 255, Optional: true},
	"description":  {Type: schema.String, MaxLength: 8192, Optional: true},
	"searchdomain": text("dns-name-list"),
	"nameserver":   text("lxc-ip-with-ll-iface-list"),
	"timezone":     text("pve-ct-timezone"),
	"rootfs":       {Type: schema.String, Sub: RootFS, Optional: true},
	"parent":       {Type: schema.String, Format: "pve-configid", MaxLength: 40, Optional: true},
	"snaptime":     integer(0, 0),
	"cmode":        enum("shell", "console", "tty"),
	"entrypoint":   pattern(`^[^\x00-\x08\x0a-\x1F\x7F]+$`),
	"protection":   flag(),
	"unprivileged": flag(),
	"features":     {Type: schema.String, Sub: Features, Optional: true},
	"env": pattern(`^(?:\w+=[^\x00-\x08\x0a-\x1F\x7F]*)` +
		`(?:\x00\w+=[^\x00-\x08\x0a-\x1F\x7F]*)*$`),
	"hookscript": text("pve-volume-id"),
	"tags":       text("pve-tag-list"),
	"debug":      flag(),
}

// indexed holds the keys with an index and the number of each.
var indexed = map[string]struct {
	count int
	prop  *schema.Prop
}{
	"net":    {MaxNetworks, &schema.Prop{Type: schema.String, Sub: Network, Optional: true}},
	"mp":     {MaxMountPoints, &schema.Prop{Type: schema.String, Sub: MountPoint, Optional: true}},
	"dev":    {MaxDevices, &schema.Prop{Type: schema.String, Sub: Device, Optional: true}},
	"unused": {MaxMountPoints, &schema.Prop{Type: schema.String, Sub: Unused, Optional: true}},
}

// Key returns the description of a key of a container's configuration, or nil for raw LXC keys and
// unknown words.
func Key(name string) *schema.Prop {
	if p := plain[name]; p != nil {
		return p
	}
	stem := strings.TrimRight(name, "0123456789")
	family, ok := indexed[stem]
	number, err := strconv.Atoi(name[len(stem):])
	if !ok || err != nil || number >= family.count || strconv.Itoa(number) != name[len(stem):] {
		return nil
	}
	return family.prop
}

// CommandOptions returns the keys that create and set take as options, and more.
func CommandOptions(more schema.Object) schema.Object {
	o := plain.With(more)
	for stem, family := range indexed {
		o.Range(stem, family.count, family.prop)
	}
	delete(o, "parent")
	delete(o, "snaptime")
	return o
}
