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
	"time"

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
	var fails host.Failure
	err := host.Update(dir, func(h *host.Host) error {
		h.Calls = append(h.Calls, append([]string{name}, os.Args[1:]...))
		if h.FailAt == len(h.Calls) {
			fails = h.Fail
		}
		return nil
	})
	if fails == host.Orphan {
		_ = unix.Kill(os.Getppid(), unix.SIGKILL)
		// The next berth has time to be where it should not be.
		time.Sleep(300 * time.Millisecond)
	}
	var out string
	if err == nil {
		err = host.Update(dir, func(h *host.Host) (err error) {
			if fails == host.Early {
				return errors.New("told to fail")
			}
			if out, err = run(h, os.Args[1:]); fails == host.Late {
				err = errors.Join(err, errors.New("told to fail afterwards"))
			}
			return err
		})
	}
	if fails == host.Crash {
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
