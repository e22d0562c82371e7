package rootfs

import (
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// Namespaces holds open files of the namespaces that a config names by path. If a type is missing
// in the map, the path in the config is used.
type Namespaces map[specs.LinuxNamespaceType]*os.File

// procNames maps namespace types to their names in /proc/PID/ns (namespaces(7)).
var procNames = map[specs.LinuxNamespaceType]string{
	specs.IPCNamespace: "ipc", specs.NetworkNamespace: "net", specs.UTSNamespace: "uts", specs.UserNamespace: "user",
}

// isHost reports whether the container's namespace of type typ is berth's own or the one of the
// host's first process.
func (n Namespaces) isHost(s *specs.Spec, typ specs.LinuxNamespaceType) (bool, error) {
	path, kind := spec.Namespace(s, typ)
	if kind != spec.Path {
		return kind == spec.Host, nil
	}
	var theirs os.FileInfo
	var err error
	if f := n[typ]; f != nil {
		theirs, err = f.Stat()
	} else {
		theirs, err = os.Stat(path)
	}
	if err != nil {
		return false, err
	}
	ours, err := os.Stat("/proc/thread-self/ns/" + procNames[typ])
	if err != nil {
		return false, err
	}
	first, err := os.Stat("/proc/1/ns/" + procNames[typ])
	return os.SameFile(ours, theirs) || err == nil && os.SameFile(first, theirs), nil
}

// CheckHost refuses a config that would change the host through a namespace that it names by path
// and that is the host's: with a sysctl, a hostname or a domainname.
func CheckHost(s *specs.Spec) error {
	if s.Linux == nil {
		return nil
	}
	if _, err := planSysctls(s, nil); err != nil {
		return err
	}
	return checkNames(s, nil)
}

// checkNames refuses a hostname or domainname that would change the host's, if the config names the
// host's UTS namespace by path.
func checkNames(s *specs.Spec, open Namespaces) error {
	if _, kind := spec.Namespace(s, specs.UTSNamespace); kind != spec.Path || s.Hostname == "" && s.Domainname == "" {
		return nil
	}
	if host, err := open.isHost(s, specs.UTSNamespace); err != nil || !host {
		return err
	}
	for _, name := range []struct{ field, value, file string }{
		{"hostname", s.Hostname, "/proc/sys/kernel/hostname"}, {"domainname", s.Domainname, "/proc/sys/kernel/domainname"},
	} {
		is, err := os.ReadFile(name.file)
		if err != nil {
			return err
		}
		if name.value != "" && name.value+"\n" != string(is) {
			return spec.Fieldf(name.field, "is not allowed in the host's uts namespace, to which the path in linux.namespaces leads")
		}
	}
	return nil
}
