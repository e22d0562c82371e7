package initproc

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
)

// Process is an init process as create sees it.
type Process struct {
	// Host is the connection to the init process. Its Pid is a child of berth. After Prepare it can
	// be another process than the init process.
	*link.Host
	// Pidfd refers to the process Pid.
	Pidfd *os.File
	// parked is the parked init, or 0 if the init process itself becomes the user's process.
	parked int
}

// Spawn starts an init process. The init process waits for Enclose, and ends if berth ends before.
func Spawn(cfg *Config) (*Process, error) {
	exe, err := openSelf()
	if err != nil {
		return nil, fmt.Errorf("start the container's process: %w", err)
	}
	defer exe.Close()
	host, other, err := link.Pair()
	if err != nil {
		return nil, err
	}
	inside := os.NewFile(uintptr(other.FD), "init process")
	defer inside.Close()
	var pid int
	err = inNamespaces(cfg.JoinBeforeFork, func() (err error) {
		pid, err = cfg.fork(exe, inside, host)
		return err
	})
	if err != nil {
		host.Close()
		return nil, fmt.Errorf("start the container's process: %w", err)
	}
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		host.Close()
		_ = unix.Kill(pid, unix.SIGKILL)
		_, _ = syscall.Wait4(pid, nil, 0, nil)
		return nil, fmt.Errorf("start the container's process: pidfd_open %d: %w", pid, err)
	}
	return &Process{Host: &link.Host{Conn: host, Pid: pid}, Pidfd: os.NewFile(uintptr(pidfd), "pidfd")}, nil
}

func (cfg *Config) fork(exe, inside *os.File, host link.Conn) (int, error) {
	attr := link.Child(cfg.Stdio, cfg.Inherited, inside.Fd(), socketVar)
	attr.Sys = &syscall.SysProcAttr{Setsid: true}
	if cfg.NewTime {
		attr.Env = append(attr.Env, timeVar+"="+cfg.Offsets)
	}
	if cfg.UserPath != "" || cfg.TimePath != "" {
		return cfg.forkJoined(exe, inside, attr, host)
	}
	if cfg.NewPID {
		attr.Sys.Cloneflags |= unix.CLONE_NEWPID
	}
	if cfg.NewUser {
		cfg.mapUser(attr.Sys)
	}
	return syscall.ForkExec(fmt.Sprintf("/proc/self/fd/%d", exe.Fd()), []string{processName}, attr)
}

// Prepare calls [link.Host.Prepare]. With Plan.PIDNamespace, Pid is then the process that was
// forked there. That process is not yet in the container's cgroup, and Grant has not been called
// for it.
func (p *Process) Prepare(plan *Plan, files []*os.File, hooks func() error) error {
	initPid := p.Pid
	if err := p.Host.Prepare(plan, files, hooks); err != nil || p.Pid == initPid {
		return err
	}
	p.parked = initPid
	_ = link.Retry(func() error { _, err := syscall.Wait4(p.Reap, nil, 0, nil); return err })
	pidfd, err := unix.PidfdOpen(p.Pid, 0)
	if err != nil {
		return fmt.Errorf("the container's process %d: pidfd_open: %w", p.Pid, err)
	}
	p.Pidfd.Close()
	p.Pidfd = os.NewFile(uintptr(pidfd), "pidfd")
	return nil
}

// ParkedInit returns the pid of the parked init, or 0 if there is none.
func (p *Process) ParkedInit() int { return p.parked }

// Kill kills the init process, or the user's process that it has become, and the parked init. Wait
// waits for their end. The first process of a pid namespace ends only after all others in that
// namespace have been reaped. LXC reaps its own init.
func (p *Process) Kill() {
	if p.parked != 0 {
		_ = unix.Kill(p.parked, unix.SIGKILL)
	}
	_ = unix.PidfdSendSignal(int(p.Pidfd.Fd()), unix.SIGKILL, nil, 0)
}

// Wait waits until the processes that Kill has killed have ended. It waits no longer than patience
// for Pid.
func (p *Process) Wait(patience time.Duration) {
	if p.parked != 0 {
		_ = link.Retry(func() error { _, err := syscall.Wait4(p.parked, nil, 0, nil); return err })
	}
	p.Status(patience)
}

// Close releases the init process without ending it.
func (p *Process) Close() {
	p.Conn.Close()
	p.Pidfd.Close()
}
