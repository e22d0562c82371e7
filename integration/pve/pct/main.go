//go:build linux

// Command pct stands in for Proxmox VE's pct in tests, on top of stock LXC: its command line,
// messages, exit statuses and configuration files. It is not shipped. If it is called by the name
// of one of Proxmox's hooks it acts as that hook. If it is called pveversion it prints the version
// that it follows.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/pve/command"
	"github.com/berth-oci/berth/integration/pve/hook"
	"github.com/berth-oci/berth/integration/pve/host"
)

func main() { os.Exit(run(os.Args)) }

func run(arguments []string) int {
	name := filepath.Base(arguments[0])
	if name == "pveversion" {
		var kernel unix.Utsname
		_ = unix.Uname(&kernel)
		fmt.Printf("pve-manager/9.1.1/stand-in (running kernel: %s)\n", unix.ByteSliceToString(kernel.Release[:]))
		return 0
	}
	if !hook.Is(name) {
		// The container's monitor must not inherit descriptors that the caller left open.
		_ = unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
		return command.Main(arguments[1:])
	}
	h, err := host.Open("")
	if err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		return 255
	}
	return hook.Run(h, name, arguments[1:])
}
