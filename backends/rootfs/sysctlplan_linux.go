package rootfs

import (
	"fmt"
	"os"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// ipcSysctls are the kernel.* values that belong to an ipc namespace (ipc_namespaces(7)).
var ipcSysctls = map[string]bool{
	"msgmax": true, "msgmnb": true, "msgmni": true, "sem": true,
	"shmall": true, "shmmax": true, "shmmni": true, "shm_rmid_forced": true,
}

// planSysctls turns linux.sysctl into paths below /proc/sys. A value that does not belong to one of the
// container's own namespaces would change the host and is refused. network is the network namespace that the
// config names by its path, open; where nothing is opened, nil, its path is looked at.
func planSysctls(s *specs.Spec, network *os.File) (map[string]string, error) {
	plan := make(map[string]string, len(s.Linux.Sysctl))
	for key, value := range s.Linux.Sysctl {
		path, err := sysctlPath(key)
		if err == nil {
			err = sysctlAllowed(s, path, network)
		}
		if err != nil {
			return nil, fmt.Errorf("linux.sysctl[%q]: %w", key, err)
		}
		plan[path] = value
	}
	return plan, nil
}

// sysctlPath turns a key into a path as sysctl(8) does: the first separator, "." or "/", separates
// throughout, and the other one stands for it within a name.
func sysctlPath(key string) (string, error) {
	path := key
	if i := strings.IndexAny(key, "./"); i >= 0 && key[i] == '.' {
		path = strings.NewReplacer(".", "/", "/", ".").Replace(key)
	}
	for _, part := range strings.Split(path, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsRune(part, 0) {
			return "", fmt.Errorf("not the name of a sysctl")
		}
	}
	return path, nil
}

func sysctlAllowed(s *specs.Spec, path string, network *os.File) error {
	first, rest, _ := strings.Cut(path, "/")
	switch {
	case first == "kernel" && ipcSysctls[rest], strings.HasPrefix(path, "fs/mqueue/"):
		if !hasNamespace(s, specs.IPCNamespace) {
			return fmt.Errorf("is not allowed in the host's ipc namespace")
		}
	case first == "net":
		if host, err := inHostNetwork(s, network); err != nil {
			return err
		} else if host {
			return fmt.Errorf("is not allowed in the host's network namespace")
		}
	case path == "kernel/domainname" && hasNamespace(s, specs.UTSNamespace):
	case path == "kernel/hostname" && hasNamespace(s, specs.UTSNamespace):
		return fmt.Errorf("is not allowed as it conflicts with the field hostname")
	case first == "user":
		if !hasNamespace(s, specs.UserNamespace) {
			return fmt.Errorf("is not allowed without a user namespace")
		}
	default:
		return fmt.Errorf("is not in a separate kernel namespace")
	}
	return nil
}

// inHostNetwork tells whether the container has the network namespace that we are in.
func inHostNetwork(s *specs.Spec, network *os.File) (bool, error) {
	for _, ns := range s.Linux.Namespaces {
		if ns.Type != specs.NetworkNamespace {
			continue
		}
		if ns.Path == "" {
			return false, nil
		}
		var theirs os.FileInfo
		var err error
		if network != nil {
			theirs, err = network.Stat()
		} else {
			theirs, err = os.Stat(ns.Path)
		}
		if err != nil {
			return false, err
		}
		ours, err := os.Stat("/proc/thread-self/ns/net")
		if err != nil {
			return false, err
		}
		return os.SameFile(ours, theirs), nil
	}
	return true, nil
}
