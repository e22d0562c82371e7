package spec

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The largest device numbers in Linux: 12 bits for major, 20 for minor.
const (
	maxMajor = 1<<12 - 1
	maxMinor = 1<<20 - 1
)

// devices checks config-linux.md#devices. fileMode may also hold the file type, because engines
// copy st_mode from stat(2).
func (c *checker) devices(list []specs.LinuxDevice) {
	type number struct {
		kind         string
		major, minor int64
	}
	numbers, paths := map[number]int{}, map[string]int{}
	for i, d := range list {
		path := at("linux.devices", i)
		c.absolute(path+".path", d.Path)
		oneOf(c, path+".type", d.Type, "c", "b", "u", "p")
		if d.Type != "p" {
			if d.Major < 0 || d.Major > maxMajor {
				c.errorf(path+".major", "must be from 0 to %d, not %d", maxMajor, d.Major)
			}
			if d.Minor < 0 || d.Minor > maxMinor {
				c.errorf(path+".minor", "must be from 0 to %d, not %d", maxMinor, d.Minor)
			}
			n := number{d.Type, d.Major, d.Minor}
			if first, ok := numbers[n]; ok {
				c.warnf(path, "has the same type, major and minor as %s", at("linux.devices", first))
			}
			numbers[n] = i
		}
		if first, ok := paths[d.Path]; ok && d.Path != "" {
			c.warnf(path+".path", "is also the path of %s", at("linux.devices", first))
		}
		paths[d.Path] = i
		if m := d.FileMode; m != nil && *m > 0o177777 {
			c.warnf(path+".fileMode", "should be permission bits, not %d (octal %#o): numbers in JSON are decimal", *m, uint32(*m))
		}
	}
}

// netDevices checks config-linux.md#network-devices and the kernel's rule for names
// (dev_valid_name).
func (c *checker) netDevices(l *specs.Linux) {
	const path = "linux.netDevices"
	if len(l.NetDevices) == 0 {
		return
	}
	if _, kind := Namespace(c.s, specs.NetworkNamespace); kind == Host {
		c.errorf(path, "unable to move network devices without a NET namespace")
	}
	taken := map[string]string{}
	for _, host := range slices.Sorted(maps.Keys(l.NetDevices)) {
		c.interfaceName(path+key(host), host)
		name := l.NetDevices[host].Name
		if name == "" {
			name = host
		} else {
			c.interfaceName(path+key(host)+".name", name)
		}
		if other, ok := taken[name]; ok && !strings.Contains(name, "%d") {
			c.errorf(path+key(host)+".name", "%s is also the name of %s", quote(name), quote(other))
		}
		taken[name] = host
	}
}

func (c *checker) interfaceName(path, name string) {
	const maxName = 15 // IFNAMSIZ - 1
	bad := func(r rune) bool { return r == '/' || r == ':' || unicode.IsSpace(r) || unicode.IsControl(r) }
	if name == "" || len(name) > maxName || name == "." || name == ".." || strings.ContainsFunc(name, bad) {
		c.errorf(path, "must be the name of a network device, not %[2]s: 1 to %[1]d bytes without slash, colon or space, and neither . nor ..", maxName, quote(name))
	}
}
