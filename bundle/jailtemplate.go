package bundle

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// jailTemplate is Template for FreeBSD: the devices of ruleset 4, no network, and only the
// permissions that a jail has by default.
func jailTemplate() *specs.Spec {
	statfs := 1
	return &specs.Spec{
		Version:  specs.Version,
		Root:     &specs.Root{Path: "rootfs", Readonly: true},
		Hostname: "berth",
		Process: &specs.Process{
			Terminal: true,
			Args:     []string{"sh"},
			Env:      []string{"PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin", "TERM=xterm"},
			Cwd:      "/",
			Rlimits:  []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1024, Hard: 1024}},
		},
		Mounts: []specs.Mount{
			{Destination: "/dev", Type: "devfs", Source: "devfs", Options: []string{"ruleset=4"}},
			{Destination: "/dev/fd", Type: "fdescfs", Source: "fdescfs"},
			{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "mode=1777", "size=64m"}},
		},
		FreeBSD: &specs.FreeBSD{Jail: &specs.FreeBSDJail{
			Host: specs.FreeBSDShareNew, Ip4: specs.FreeBSDShareDisable, Ip6: specs.FreeBSDShareDisable, EnforceStatfs: &statfs,
		}},
	}
}
