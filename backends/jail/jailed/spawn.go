package jailed

import (
	"fmt"
	"os"
	"strconv"
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
	files := []uintptr{cfg.Stdio[0].Fd(), cfg.Stdio[1].Fd(), cfg.Stdio[2].Fd()}
	for i := range cfg.Inherited {
		files = append(files, uintptr(3+i))
	}
	env := []string{"GOMAXPROCS=1", "GOGC=off", socketVar + "=" + strconv.Itoa(len(files))}
	if v, ok := os.LookupEnv("GOCOVERDIR"); ok {
		env = append(env, "GOCOVERDIR="+v)
	}
	pid, err := syscall.ForkExec(exe, []string{processName}, &syscall.ProcAttr{
		Env:   env,
		Files: append(files, uintptr(inside.FD)),
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
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
