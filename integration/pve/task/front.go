//go:build linux

// Package task runs the work half of a pct command in a worker process, as PVE::RESTEnvironment
// does. The worker has its own session, its output passes through the front, and it survives if the
// front is killed.
package task

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/host"
)

// variable is the environment variable that marks a worker. It holds the task's type.
const variable = "PVE_STANDIN_TASK"

// controlDescriptor is the descriptor on which a worker reports its result.
const controlDescriptor = 3

// patience is the time that a worker has to clean up after it is asked to end.
const patience = 5 * time.Second

// Start runs the worker for this command line and waits for it. The worker's output goes to stdout.
func Start(h *host.Host, kind, id string, arguments []string, stdin, stdout *os.File) error {
	output, theirOutput, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make the worker's pipes: %w", err)
	}
	defer output.Close()
	control, theirControl, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make the worker's pipes: %w", err)
	}
	defer control.Close()

	now := time.Now().Unix()
	upid := fmt.Sprintf("UPID:%s:%08X:%08X:%08X:%s:%s:root@pam:", h.Node, os.Getpid(), now, now, kind, id)
	worker := &exec.Cmd{
		Path: "/proc/self/exe", Args: append([]string{"task " + upid}, arguments...),
		Env:   append(os.Environ(), variable+"="+kind),
		Stdin: stdin, Stdout: theirOutput, Stderr: theirOutput, ExtraFiles: append([]*os.File{theirControl}, inherited()...),
		SysProcAttr: session(stdin),
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGPIPE)
	defer signal.Stop(signals)
	if err := worker.Start(); err != nil {
		return fmt.Errorf("unable to fork worker - %w", err)
	}
	_, _ = theirOutput.Close(), theirControl.Close()

	go forward(signals, worker.Process.Pid)
	broken := tee(output, stdout, worker)
	report, _ := io.ReadAll(io.LimitReader(control, 1<<16))
	if broken {
		end(worker.Process.Pid)
		return failure.New("broken pipe")
	}
	return result(string(report))
}

// inherited returns the descriptors that the front was started with. A forked worker keeps them.
func inherited() (list []*os.File) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= 2 {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			list = append(list, os.NewFile(uintptr(fd), e.Name()))
		}
	}
	return list
}

// session gives the worker its own session, or the foreground of the terminal if stdin is a
// terminal.
func session(stdin *os.File) *syscall.SysProcAttr {
	if _, err := unix.IoctlGetTermios(int(stdin.Fd()), unix.TCGETS); err == nil {
		return &syscall.SysProcAttr{Setpgid: true, Foreground: true, Ctty: int(stdin.Fd())}
	}
	return &syscall.SysProcAttr{Setsid: true}
}

// forward passes signals that would end the front to the worker's process group: as SIGTERM, and as
// SIGKILL from the fourth on.
func forward(signals <-chan os.Signal, pid int) {
	count := 0
	for s := range signals {
		if s == syscall.SIGPIPE {
			continue
		}
		kill := syscall.SIGTERM
		if count++; count > 3 {
			kill = syscall.SIGKILL
		}
		_ = syscall.Kill(-pid, kill)
	}
}

// tee copies the worker's output until it ends. It returns true if the front's own reader has gone
// away.
func tee(output io.Reader, stdout io.Writer, worker *exec.Cmd) (broken bool) {
	var lost atomic.Bool
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, err := io.Copy(stdout, output)
		if errors.Is(err, syscall.EPIPE) {
			lost.Store(true)
			end(worker.Process.Pid)
		}
	}()
	_ = worker.Wait()
	select {
	case <-copied:
	case <-time.After(time.Second):
		// A process that the worker left behind holds its output open.
	}
	return lost.Load()
}

// end asks a worker's process group to end, and kills it if it does not.
func end(pid int) {
	_ = syscall.Kill(-pid, syscall.SIGTERM)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if syscall.Kill(-pid, 0) != nil {
			return
		}
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
}

func result(report string) error {
	switch message, failed := strings.CutPrefix(report, "TASK ERROR: "); {
	case failed:
		return failure.New("%s", strings.TrimSuffix(message, "\n"))
	case strings.HasPrefix(report, "TASK OK"):
		return nil
	}
	return failure.New("got unexpected control message: %s", report)
}
