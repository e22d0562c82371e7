//go:build linux

package command

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/lxc"
)

func checkPush(c *call) error {
	if !c.running() {
		return failure.New("can only push files to a running CT")
	}
	_, err := c.load()
	return err
}

func checkPull(c *call) error {
	if !c.running() {
		return failure.New("can only pull files from a running VM")
	}
	return nil
}

// openInside opens a path as the container sees it. It never leaves the container's root.
func (c *call) openInside(path string, flags int, mode uint64) (*os.File, error) {
	pid, err := lxc.InitPID(c.host, c.id)
	if err != nil {
		return nil, failure.New("unable to get PID for CT %s (not running?)", c.id)
	}
	root, err := unix.Open(fmt.Sprintf("/proc/%d/root", pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, failure.New("failed to enter the container's mount namespace")
	}
	defer unix.Close(root)
	how := unix.OpenHow{
		Flags: uint64(flags) | unix.O_CLOEXEC, Mode: mode, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	}
	fd, err := unix.Openat2(root, path, &how)
	if err != nil {
		return nil, failure.New("failed to open %s: %s", path, sentence(err))
	}
	return os.NewFile(uintptr(fd), path), nil
}

// sentence returns an errno's text as strerror(3) writes it.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

func push(c *call) error {
	return c.locked(func() error {
		source, err := os.Open(c.values["file"])
		if err != nil {
			return failure.New("failed to open %s for reading", c.values["file"])
		}
		defer source.Close()
		destination, err := c.openInside(c.values["destination"], unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC, 0o644)
		if err != nil {
			return failure.New("failed to create file: %s", err)
		}
		return c.fill(destination, source)
	})
}

func pull(c *call) error {
	return c.locked(func() error {
		destination, err := os.OpenFile(c.values["destination"], os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
		if err != nil {
			return failure.New("failed to create file: %s: %v", c.values["destination"], err)
		}
		source, err := c.openInside(c.values["path"], unix.O_RDONLY, 0)
		if err != nil {
			_ = destination.Close()
			return err
		}
		defer source.Close()
		return c.fill(destination, source)
	})
}

// fill copies the file and sets its mode as requested.
func (c *call) fill(destination, source *os.File) error {
	defer destination.Close()
	if text, ok := c.values["perms"]; ok {
		mode, err := strconv.ParseUint(text, 8, 16)
		if err != nil {
			return failure.New("invalid mode: '%s'", text)
		}
		if err := unix.Fchmod(int(destination.Fd()), uint32(mode)); err != nil {
			return err
		}
	}
	if _, err := io.Copy(destination, source); err != nil {
		return err
	}
	return destination.Sync()
}
