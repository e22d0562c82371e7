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

// The parts of LXC's abstract addresses (src/lxc/commands_utils.c and monitor.c of
// LXC): LXCPATH/NAME/command, or lxc/HASH/command where that is too long; and
// lxc/HASH/… for lxc-monitord, which serves uid 0 as well.
const (
	hashed  = "lxc/"
	command = "/command"
)

// longest is the longest address that LXC does not hash.
const longest = 105

// defaultPath is where LXC keeps containers unless its configuration says otherwise.
const defaultPath = "/var/lib/lxc"

// systemConfig is LXC's (lxc.system.conf(5)).
const systemConfig = "/etc/lxc/lxc.conf"

// Address is the abstract address, without the leading zero, of the monitor of the
// container that LXC calls name.
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

// IsMonitors says whether an abstract address, without the leading zero, has the
// shape of LXC's.
func IsMonitors(address string) bool {
	return strings.HasPrefix(address, hashed) || strings.HasSuffix(address, command)
}

// CheckFree returns an error if somebody else listens where the monitor of the
// container that LXC calls name has to listen, in berth's network namespace.
// lxc-start would ask it whether the container runs, and wait for the answer.
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
	return fmt.Errorf("LXC's command socket @%s: %w: %s has it; end that, or give the container another id", at, err, holder(fd, at))
}

// holder names who listens on an address.
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
