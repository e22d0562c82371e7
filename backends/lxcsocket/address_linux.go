package lxcsocket

import (
	"bufio"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// hashed and command are the fixed parts of LXC's abstract addresses (LXC's
// src/lxc/commands_utils.c and monitor.c). A monitor listens on LXCPATH/NAME/command, or on
// lxc/HASH/command if that is too long. lxc-monitord, which also serves uid 0, listens on
// lxc/HASH/….
const (
	hashed  = "lxc/"
	command = "/command"
)

// longest is the length of the longest address that LXC does not hash.
const longest = 105

// defaultPath is LXC's directory for containers unless its configuration names another.
const defaultPath = "/var/lib/lxc"

// systemConfig is LXC's system configuration (lxc.system.conf(5)).
const systemConfig = "/etc/lxc/lxc.conf"

// Address returns the abstract address, without the leading zero, on which the monitor of the LXC
// container called name listens.
func Address(name string) string { return address(lxcPath(systemConfig), name) }

func address(lxcPath, name string) string {
	full := lxcPath + "/" + name
	if len(full)+len(command) <= longest {
		return full + command
	}
	h := fnv.New64a()
	h.Write([]byte(full))
	return fmt.Sprintf("%s%016x%s", hashed, h.Sum64(), command)
}

func lxcPath(config string) string {
	f, err := os.Open(config)
	if err != nil {
		return defaultPath
	}
	defer f.Close()
	path := defaultPath
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), "=")
		if value = strings.TrimSpace(value); strings.TrimSpace(key) == "lxc.lxcpath" && value != "" {
			path = strings.TrimRight(value, "/")
		}
	}
	return path
}

// IsMonitors reports whether an abstract address, without the leading zero, has the form of LXC's
// addresses.
func IsMonitors(address string) bool {
	return strings.HasPrefix(address, hashed) || strings.HasSuffix(address, command)
}

// CheckFree returns an error if somebody already listens, in berth's network namespace, on the
// address for the monitor of the LXC container called name. lxc-start would ask that listener
// whether the container is running, and wait for the answer.
func CheckFree(name string) error {
	at := Address(name)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: "@" + at})
	if !errors.Is(err, unix.EADDRINUSE) {
		return err
	}
	return fmt.Errorf("LXC's command socket @%s: %w: %s uses it: end that process, or give the container another id", at, err, holder(fd, at))
}

// holder returns who listens on an address, for an error message. It connects fd to the address.
func holder(fd int, address string) string {
	unknown := "somebody"
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: "@" + address}); err != nil {
		return unknown
	}
	peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil || peer.Pid <= 0 {
		return unknown
	}
	who := fmt.Sprintf("process %d of uid %d", peer.Pid, peer.Uid)
	if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", peer.Pid)); err == nil {
		who += fmt.Sprintf(" (%q)", strings.TrimSpace(string(name)))
	}
	return who
}
