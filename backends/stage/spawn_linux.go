package stage

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/stage/link"
)

const (
	// processName is what the stage is called in the time before it execs.
	processName = "berth-stage"
	// socketVar carries the number of the socket's descriptor to the stage.
	socketVar = "_BERTH_STAGE_SOCKET"
)

// Config says what a stage is at birth: the part of a container that a process
// cannot change about itself later.
type Config struct {
	// NewPID makes it PID 1 of a new pid namespace, PIDPath lets it be born
	// in an existing one; with neither, it is in the host's.
	NewPID  bool
	PIDPath string
	// NewUser makes a user namespace with the given maps, UserPath names one
	// to be born in.
	NewUser          bool
	UserPath         string
	UIDMaps, GIDMaps []specs.LinuxIDMapping
	Stdio            [3]*os.File
	// Inherited is the number of berth's own descriptors from 3 on that the
	// user's process gets.
	Inherited int
}

// Process is a stage as create sees it.
type Process struct {
	// Host speaks with it; its Pid is berth's own child.
	*link.Host
	// Pidfd refers to the stage.
	Pidfd *os.File
}

// Spawn starts a stage. It waits for Run, and ends when berth ends before.
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
	host, inside := link.Conn{FD: pair[0]}, os.NewFile(uintptr(pair[1]), "stage")
	defer inside.Close()
	pid, err := cfg.fork(exe, inside, host)
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
		Env:   append(stageEnv(), socketVar+"="+strconv.Itoa(socket)),
		Files: files,
		Sys:   &syscall.SysProcAttr{Setsid: true},
	}
	if cfg.UserPath != "" {
		return cfg.forkInUser(exe, attr, host)
	}
	if cfg.NewPID {
		attr.Sys.Cloneflags |= unix.CLONE_NEWPID
	}
	if cfg.NewUser {
		// The mount namespace is for the time of preparation: mounts that are
		// looked up in it are locked by the kernel for the container.
		attr.Sys.Cloneflags |= unix.CLONE_NEWUSER | unix.CLONE_NEWNS
		attr.Sys.UidMappings, attr.Sys.GidMappings = idMap(cfg.UIDMaps), idMap(cfg.GIDMaps)
		attr.Sys.GidMappingsEnableSetgroups = true
		attr.Sys.Credential = &syscall.Credential{}
	}
	path := fmt.Sprintf("/proc/self/fd/%d", exe.Fd())
	if cfg.PIDPath == "" {
		return syscall.ForkExec(path, []string{processName}, attr)
	}
	var pid int
	err := inPIDNamespace(cfg.PIDPath, func() (err error) {
		pid, err = syscall.ForkExec(path, []string{processName}, attr)
		return err
	})
	return pid, err
}

// stageEnv is the little of berth's environment that its own process inside may
// need; the user's process gets its environment from config.json alone.
func stageEnv() []string {
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

// inPIDNamespace calls f on a thread whose children are born in another pid
// namespace (setns(2): it takes effect for children only).
func inPIDNamespace(path string, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	own, err := os.Open("/proc/thread-self/ns/pid_for_children")
	if err != nil {
		return err
	}
	defer own.Close()
	other, err := os.OpenFile(path, os.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("pid namespace: %w", err)
	}
	defer other.Close()
	if err := unix.Setns(int(other.Fd()), unix.CLONE_NEWPID); err != nil {
		return fmt.Errorf("join the pid namespace %s: %w", path, err)
	}
	err = f()
	return errors.Join(err, unix.Setns(int(own.Fd()), unix.CLONE_NEWPID))
}

// Kill ends the stage, or what it has become, and waits for it.
func (p *Process) Kill() {
	_ = unix.PidfdSendSignal(int(p.Pidfd.Fd()), unix.SIGKILL, nil, 0)
	_ = link.Retry(func() error { _, err := syscall.Wait4(p.Pid, nil, 0, nil); return err })
}

// Close lets go of the stage without ending it.
func (p *Process) Close() {
	p.Conn.Close()
	p.Pidfd.Close()
}
