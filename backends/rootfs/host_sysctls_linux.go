package rootfs

import (
	"errors"
	"fmt"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// ipcSysctls are the kernel.* sysctls that belong to an ipc namespace (ipc_namespaces(7)).
var ipcSysctls = map[string]bool{
	"msgmax": true, "msgmnb": true, "msgmni": true, "sem": true,
	"shmall": true, "shmmax": true, "shmmni": true, "shm_rmid_forced": true,
}

// planSysctls converts linux.sysctl to values by path below /proc/sys. It refuses a sysctl that
// does not belong to one of the container's own namespaces, because it would change the host.
func planSysctls(s *specs.Spec, open Namespaces) (map[string]string, error) {
	plan := make(map[string]string, len(s.Linux.Sysctl))
	for key, value := range s.Linux.Sysctl {
		path, err := sysctlPath(key)
		if err == nil {
			err = sysctlAllowed(s, path, open)
		}
		if err != nil {
			return nil, &spec.FieldError{Path: fmt.Sprintf("linux.sysctl[%q]", key), Err: err}
		}
		plan[path] = value
	}
	return plan, nil
}

// sysctlPath converts a key to a path as sysctl(8) does: the first "." or "/" is the separator
// everywhere in the key, and the other character stands for the separator within a name.
func sysctlPath(key string) (string, error) {
	path := key
	if i := strings.IndexAny(key, "./"); i >= 0 && key[i] == '.' {
		path = strings.NewReplacer(".", "/", "/", ".").Replace(key)
	}
	for _, part := range strings.Split(path, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsRune(part, 0) {
			return "", fmt.Errorf("is not the name of a sysctl")
		}
	}
	return path, nil
}

func sysctlAllowed(s *specs.Spec, path string, open Namespaces) error {
	first, rest, _ := strings.Cut(path, "/")
	var typ specs.LinuxNamespaceType
	switch {
	case first == "kernel" && ipcSysctls[rest], strings.HasPrefix(path, "fs/mqueue/"):
		typ = specs.IPCNamespace
	case first == "net":
		typ = specs.NetworkNamespace
	case path == "kernel/domainname":
		typ = specs.UTSNamespace
	case path == "kernel/hostname" && hasNamespace(s, specs.UTSNamespace):
		return errors.New(`is not allowed as it conflicts with the OCI "hostname" field`)
	case first == "user":
		typ = specs.UserNamespace
	default:
		return fmt.Errorf("is not in a separate kernel namespace")
	}
	host, err := open.isHost(s, typ)
	if err == nil && host {
		err = fmt.Errorf("is not allowed in the host's %s namespace", typ)
	}
	return err
}
