package spec

import (
	"errors"
	"maps"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// SysctlPath returns the file below /proc/sys for a key of linux.sysctl:
// net/ipv4/conf/eth0.1/forwarding for "net.ipv4.conf.eth0/1.forwarding". The first separator
// decides whether dots or slashes separate the names. If dots do, a slash stands for a dot inside a
// name (sysctl(8), sysctl.d(5)). The path never leaves /proc/sys. SysctlPath fails if a name is
// empty, "." or "..", or holds spaces or control characters.
func SysctlPath(name string) (string, error) {
	file := name
	if i := strings.IndexAny(name, "./"); i >= 0 && name[i] == '.' {
		file = strings.Map(func(r rune) rune {
			switch r {
			case '.':
				return '/'
			case '/':
				return '.'
			}
			return r
		}, name)
	}
	for part := range strings.SplitSeq(file, "/") {
		if part == "" || part == "." || part == ".." {
			return "", errors.New("must consist of names separated by dots, such as net.ipv4.ip_forward")
		}
	}
	if strings.ContainsFunc(file, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", errors.New("must not contain spaces or control characters")
	}
	return file, nil
}

// sysctls checks config-linux.md#sysctl. The text sets no bounds. The rule here is that of runc and
// crun: a parameter must belong to a namespace that the container does not share with the host.
func (c *checker) sysctls(list map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(list)) {
		path := "linux.sysctl" + key(name)
		file, err := SysctlPath(name)
		if err != nil {
			c.errorf(path, "%v", err)
			continue
		}
		if file == "kernel/hostname" {
			c.errorf(path, `is not allowed as it conflicts with the OCI "hostname" field`)
			continue
		}
		if file == "kernel/domainname" && c.s.Domainname != "" && c.s.Domainname != list[name] {
			c.errorf(path, `conflicts with the OCI "domainname" field`)
			continue
		}
		ns := sysctlNamespace(file)
		if ns == "" {
			c.errorf(path, "is not in a separate kernel namespace: only net.*, fs.mqueue.*, user.*, kernel.domainname and the kernel.* parameters of System V IPC are allowed")
		} else if _, kind := Namespace(c.s, ns); kind == Host {
			c.errorf(path, "is not allowed in the host's %s namespace: linux.namespaces must have %s", ns, ns)
		}
	}
}

// sysctlNamespace returns the type of the namespace to which a file below /proc/sys belongs. It
// returns "" for a file of the whole system.
func sysctlNamespace(file string) specs.LinuxNamespaceType {
	switch file {
	case "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem",
		"kernel/shmall", "kernel/shmmax", "kernel/shmmni", "kernel/shm_rmid_forced":
		return specs.IPCNamespace
	case "kernel/domainname":
		return specs.UTSNamespace
	}
	switch root, _, _ := strings.Cut(file, "/"); {
	case strings.HasPrefix(file, "fs/mqueue/"):
		return specs.IPCNamespace
	case root == "net" && root != file:
		return specs.NetworkNamespace
	case root == "user" && root != file:
		return specs.UserNamespace
	}
	return ""
}
