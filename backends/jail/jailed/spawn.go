package jailed

import (
	"fmt"
	"os"
	"syscall"

	"github.com/berth-oci/berth/backends/initproc/link"
)

const (
	// processName is the name of the init process until it execs.
	processName = "berth-jailed"
	// socketVar is the environment variable that holds the descriptor of its socket.
	socketVar = "_BERTH_JAILED_SOCKET"
)

// Config describes the files that the init process starts with.
type Config struct {
	Stdio [3]*os.File
	// Inherited is the number of berth's own descriptors from 3 on that the user's program gets.
	Inherited int
}

// Spawn starts the init process as a child of the caller. The process waits for its plan, and ends
// if berth ends first.
func Spawn(cfg *Config) (*link.Host, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start the container's process: %w", err)
	}
	host, inside, err := link.Pair()
	if err != nil {
		return nil, fmt.Errorf("start the container's process: %w", err)
	}
	defer inside.Close()
	attr := link.Child(cfg.Stdio, cfg.Inherited, uintptr(inside.FD), socketVar)
	attr.Sys = &syscall.SysProcAttr{Setsid: true}
	pid, err := syscall.ForkExec(exe, []string{processName}, attr)
	if err != nil {
		host.Close()
		return nil, fmt.Errorf("start the container's process: %w", err)
	}
	return &link.Host{Conn: host, Pid: pid}, nil
}

// Kill kills the process, whatever program it runs by now, and waits for it to end.
func Kill(h *link.Host) {
	_ = syscall.Kill(h.Pid, syscall.SIGKILL)
	_ = link.Retry(func() error { _, err := syscall.Wait4(h.Pid, nil, 0, nil); return err })
}
