package initproc

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
)

const (
	// processName is what the init process is called in the time before it execs.
	processName = "berth-init"
	// socketVar carries the number of the socket's descriptor to the init process.
	socketVar = "_BERTH_INIT_SOCKET"
)

// Config says what an init process is at birth: the part of a container that a process
// cannot change about itself later.
type Config struct {
	// NewPID makes it PID 1 of a new pid namespace; else it is in the host's. It
	// is never born in one that has other processes, for these could look at it
	// while it has the host's tree: see Plan.PIDNamespace.
	NewPID bool
	// NewTime makes a time namespace, with Offsets as timens_offsets takes them
	// (time_namespaces(7)); TimePath names one to be born in.
	NewTime           bool
	Offsets, TimePath string
	// NewUser makes a user namespace with the given maps, UserPath names one
	// to be born in.
	NewUser          bool
	UserPath         string
	UIDMaps, GIDMaps []specs.LinuxIDMapping
	// Born are existing namespaces to be born in, of the types cgroup, network, IPC
	// and UTS: those that it has the right to join before it is in a user namespace,
	// and not afterwards.
	JoinBeforeFork []*os.File
	Stdio          [3]*os.File
	// Inherited is the number of berth's own descriptors from 3 on that the
	// user's process gets.
	Inherited int
}

// Process is an init process as create sees it.
type Process struct {
	// Host speaks with it; its Pid is berth's own child, after Prepare perhaps
	// another one than the init process.
	*link.Host
	// Pidfd refers to the process Pid.
	Pidfd *os.File
	// parked is the init process, where it is not the process that becomes the user's.
	parked int
}

// Spawn starts an init process. It waits for Run, and ends when berth ends before.
func Spawn(cfg *Config) (*Process, error) {
	exe, err := openSelf()
	if err != nil {
		return nil, fmt.Errorf("start the container's process: %w", err)
	}
	defer exe.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socketpair: %w", err)
	}
	host, inside := link.Conn{FD: pair[0]}, os.NewFile(uintptr(pair[1]), "init process")
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
	files := []uintptr{cfg.Stdio[0].Fd(), cfg.Stdio[1].Fd(), cfg.Stdio[2].Fd()}
	for i := range cfg.Inherited {
		files = append(files, uintptr(3+i))
	}
	socket := len(files)
	files = append(files, inside.Fd())
	attr := &syscall.ProcAttr{
		Env:   append(initEnv(), socketVar+"="+strconv.Itoa(socket)),
		Files: files,
		Sys:   &syscall.SysProcAttr{Setsid: true},
	}
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

func (cfg *Config) mapUser(sys *syscall.SysProcAttr) {
	// The mount namespace is for the time of preparation: mounts that are
	// looked up in it are locked by the kernel for the container.
	sys.Cloneflags |= unix.CLONE_NEWUSER | unix.CLONE_NEWNS
	sys.UidMappings, sys.GidMappings = idMap(cfg.UIDMaps), idMap(cfg.GIDMaps)
	sys.GidMappingsEnableSetgroups = true
	sys.Credential = &syscall.Credential{}
}

// stageEnv is the little of berth's environment that its own process inside may
// need; the user's process gets its environment from config.json alone.
func initEnv() []string {
	env := []string{"GOMAXPROCS=1", "GOGC=off"}
	if v, ok := os.LookupEnv("GOCOVERDIR"); ok {
		env = append(env, "GOCOVERDIR="+v)
	}
	return env
}

func idMap(maps []specs.LinuxIDMapping) []syscall.SysProcIDMap {
	out := make([]syscall.SysProcIDMap, len(maps))
	for i, m := range maps {
		out[i] = syscall.SysProcIDMap{ContainerID: int(m.ContainerID), HostID: int(m.HostID), Size: int(m.Size)}
	}
	return out
}

// Prepare is link.Host's. With Plan.PIDNamespace, p is then the process that was
// born there; it is in no cgroup of the container's yet, and was granted nothing.
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

// Keeper is the pid of the init process where Prepare has put another one in its place; 0
// where it has not.
func (p *Process) ParkedInit() int { return p.parked }

// Kill ends the init process, or what it has become. Wait waits for that: as the first process
// of a pid namespace it ends after all others there have been waited for, LXC's init
// by LXC.
func (p *Process) Kill() {
	if p.parked != 0 {
		_ = unix.Kill(p.parked, unix.SIGKILL)
	}
	_ = unix.PidfdSendSignal(int(p.Pidfd.Fd()), unix.SIGKILL, nil, 0)
}

// Wait waits for the end of what Kill has killed, up to the given time.
func (p *Process) Wait(patience time.Duration) {
	if p.parked != 0 {
		_ = link.Retry(func() error { _, err := syscall.Wait4(p.parked, nil, 0, nil); return err })
	}
	p.Status(patience)
}

// Close lets go of the init process without ending it.
func (p *Process) Close() {
	p.Conn.Close()
	p.Pidfd.Close()
}
