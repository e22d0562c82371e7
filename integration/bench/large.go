//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// largeMounts is how many mounts enlarge's config has in all.
const largeMounts = 60

// enlarge gives a config podman's seccomp filter. It adds binds of files and directories and tmpfs
// mounts until the config has largeMounts mounts.
func enlarge(dir string) (func(*specs.Spec) error, error) {
	filter, err := podmanFilter()
	if err != nil {
		return nil, fmt.Errorf("podman's seccomp filter: %w", err)
	}
	source := filepath.Join(dir, "source")
	return func(s *specs.Spec) error {
		s.Linux.Seccomp = filter
		for i := len(s.Mounts); i < largeMounts; i++ {
			at := fmt.Sprintf("/mnt/%d", i)
			from := filepath.Join(source, fmt.Sprint(i))
			m := specs.Mount{Destination: at, Type: "bind", Source: from, Options: []string{"rbind", "rprivate", "nosuid", "nodev"}}
			switch i % 4 {
			case 0:
				m = specs.Mount{Destination: at, Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "size=1m"}}
			case 1:
				if err := os.MkdirAll(source, 0o755); err != nil {
					return err
				}
				if err := os.WriteFile(from, nil, 0o644); err != nil {
					return err
				}
				m.Options = append(m.Options, "ro")
			default:
				if err := os.MkdirAll(from, 0o755); err != nil {
					return err
				}
			}
			s.Mounts = append(s.Mounts, m)
		}
		return nil
	}, nil
}

// podmanFilter returns linux.seccomp of a container that podman has made.
func podmanFilter() (*specs.LinuxSeccomp, error) {
	const name = "berth-bench-filter"
	podman := func(args ...string) (string, error) {
		out, err := exec.Command("podman", args...).Output()
		if err != nil {
			return "", fmt.Errorf("podman %s: %w", strings.Join(args, " "), err)
		}
		return strings.TrimSpace(string(out)), nil
	}
	defer func() { _, _ = podman("rm", "--force", "--time", "0", "--ignore", name) }()
	if _, err := podman("create", "--name", name, "--network", "none", "localhost/berth-test/busybox", "true"); err != nil {
		return nil, err
	}
	if _, err := podman("init", name); err != nil {
		return nil, err
	}
	path, err := podman("inspect", "--format", "{{.OCIConfigPath}}", name)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s specs.Spec
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if s.Linux == nil || s.Linux.Seccomp == nil || len(s.Linux.Seccomp.Syscalls) == 0 {
		return nil, fmt.Errorf("%s has none", path)
	}
	return s.Linux.Seccomp, nil
}
