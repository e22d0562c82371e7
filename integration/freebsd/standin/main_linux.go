// Standin stands in for FreeBSD's jail, jls, mount, umount, devfs, ifconfig, rctl and ps, depending
// on the name that it is called by, to test berth on Linux. It remembers jails, mounts, rules and
// limits in a file. It refuses what the real tools refuse, with their messages (from the manual
// pages and sources of FreeBSD 14), and makes mounts with Linux's system calls. It must run in a
// mount namespace that nobody else uses.
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

// tool does the work of one FreeBSD command and returns its output.
type tool func(h *host.Host, args []string) (string, error)

var all = map[string]tool{
	"jail": jail, "jls": jls, "mount": mount, "umount": umount, "devfs": devfs, "ifconfig": ifconfig, "rctl": rctl, "ps": ps,
}

// errSilent is the error of a tool that fails without a message.
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
		// Give the next berth time to run ahead while this tool is still working.
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
