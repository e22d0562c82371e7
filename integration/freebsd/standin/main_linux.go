// Standin is jail, jls, mount, umount, devfs, ifconfig, rctl and ps of FreeBSD, by
// the name that it is called by, for berth to be tested with on Linux. It
// remembers jails, mounts, rules and limits in a file, refuses what the real ones
// refuse in their words (their manual pages and sources, FreeBSD 14), and mounts
// what it is told to with Linux's means. It must run in a mount namespace that
// nobody else uses.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/freebsd/host"
)

// tool does what one of FreeBSD's commands would; the text is its output.
type tool func(h *host.Host, args []string) (string, error)

var all = map[string]tool{
	"jail": jail, "jls": jls, "mount": mount, "umount": umount, "devfs": devfs, "ifconfig": ifconfig, "rctl": rctl, "ps": ps,
}

// errSilent is the failure of a tool that says nothing.
var errSilent = errors.New("")

func main() {
	name := filepath.Base(os.Args[0])
	run, ok := all[name]
	dir := os.Getenv(host.Dir)
	if !ok || dir == "" {
		fmt.Fprintf(os.Stderr, "standin: called as %q, with %s=%q\n", name, host.Dir, dir)
		os.Exit(64)
	}
	var out string
	crash := false
	err := host.Update(dir, func(h *host.Host) error {
		h.Calls = append(h.Calls, append([]string{name}, os.Args[1:]...))
		fails := h.FailAt == len(h.Calls)
		if fails && h.Fail == host.Early {
			return errors.New("told to fail")
		}
		var err error
		out, err = run(h, os.Args[1:])
		if fails && h.Fail == host.Late {
			return errors.Join(err, errors.New("told to fail afterwards"))
		}
		crash = fails
		return err
	})
	if crash {
		_ = unix.Kill(os.Getppid(), unix.SIGKILL)
	}
	fmt.Print(out)
	if err == nil {
		return
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(os.Stderr, "%s: %s\n", name, text)
	}
	os.Exit(1)
}
