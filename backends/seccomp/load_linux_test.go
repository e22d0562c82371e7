//go:build cgo

package seccomp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// probe is what the test binary does in a child process instead of running tests: it loads a filter
// on its thread, makes the calls, and execs the command if there is one.
type probe struct {
	Filter *Filter
	// Calls are the numbers and arguments of system calls. The probe prints the errno of each.
	Calls [][]uintptr
	Exec  []string
	// NoNewPrivs is set before the filter is loaded.
	NoNewPrivs bool
	// UID is the user to change to before the filter is loaded.
	UID int
}

const probeEnv = "BERTH_TEST_SECCOMP_PROBE"

func TestMain(m *testing.M) {
	if text := os.Getenv(probeEnv); text != "" {
		var p probe
		err := json.Unmarshal([]byte(text), &p)
		if err == nil {
			err = p.run()
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
	os.Exit(m.Run())
}

func (p *probe) run() error {
	runtime.LockOSThread()
	if p.NoNewPrivs {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return err
		}
	}
	if p.UID != 0 {
		if err := syscall.Setuid(p.UID); err != nil {
			return err
		}
	}
	// Allocate everything now, because the filter may forbid the calls that the Go runtime needs
	// for it.
	results := make([]byte, 0, 4096)
	argv, err := syscall.SlicePtrFromStrings(p.Exec)
	if err != nil {
		return err
	}
	envv, err := syscall.SlicePtrFromStrings(nil)
	if err != nil {
		return err
	}
	if _, err := p.Filter.Load(); err != nil {
		return err
	}
	for _, c := range p.Calls {
		var a [7]uintptr
		copy(a[:], c)
		_, _, errno := unix.RawSyscall6(a[0], a[1], a[2], a[3], a[4], a[5], a[6])
		results = fmt.Appendf(results, "%d ", int(errno))
	}
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, 1, uintptr(unsafe.Pointer(unsafe.SliceData(results))), uintptr(len(results)))
	if len(p.Exec) > 0 {
		_, _, errno := unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(argv[0])),
			uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envv[0])))
		return errno
	}
	_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	return nil
}

// start runs the probe in a child process.
func (p *probe) start(t *testing.T) (stdout, stderr string, status syscall.WaitStatus) {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{probeEnv + "=" + string(text)}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.Sys().(syscall.WaitStatus)
}

func compile(t testing.TB, s *specs.LinuxSeccomp) *Filter {
	t.Helper()
	f, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestLoaded(t *testing.T) {
	t.Parallel()
	const nowhere = 0 // a path at address 0: EFAULT if the filter allows the call
	p := probe{
		Filter: compile(t, moderate(t)),
		Calls: [][]uintptr{
			{unix.SYS_GETPPID},
			{unix.SYS_MKDIRAT, ^uintptr(0), nowhere, 0},
			{unix.SYS_MOUNT, nowhere, nowhere, nowhere, 0, nowhere},
			{unix.SYS_KEYCTL, 0},
			{unix.SYS_SOCKET, unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT},
			{unix.SYS_SOCKET, unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE},
			{unix.SYS_PERSONALITY, 0x0008 | 0xffffffff},
			{unix.SYS_PERSONALITY, 0x20008},
			{unix.SYS_PERSONALITY, 0x1234},
			{5000},
		},
	}
	out, errs, status := p.start(t)
	want := []unix.Errno{0, unix.EFAULT, unix.EPERM, unix.ENOSYS, unix.EINVAL, 0, 0, 0, unix.EPERM, unix.ENOSYS}
	var got []unix.Errno
	for _, field := range strings.Fields(out) {
		var n int
		_, _ = fmt.Sscan(field, &n)
		got = append(got, unix.Errno(n))
	}
	if !slices.Equal(got, want) || status != 0 {
		t.Errorf("errnos %v, want %v; status %#x, stderr %q", got, want, status, errs)
	}
}

func TestKilled(t *testing.T) {
	t.Parallel()
	for _, act := range []specs.LinuxSeccompAction{specs.ActKill, specs.ActKillThread, specs.ActKillProcess, specs.ActTrap} {
		t.Run(string(act), func(t *testing.T) {
			t.Parallel()
			f := compile(t, &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{rule(act, "uname")}})
			p := probe{Filter: f, Exec: []string{"/bin/busybox", "uname"}}
			if _, errs, status := p.start(t); !status.Signaled() || status.Signal() != unix.SIGSYS {
				t.Errorf("status %#x, want death by SIGSYS; stderr %q", status, errs)
			}
			p.Exec = []string{"/bin/busybox", "true"}
			if _, errs, status := p.start(t); status != 0 {
				t.Errorf("a program that makes other calls: status %#x, stderr %q", status, errs)
			}
		})
	}
}

func TestPrivilege(t *testing.T) {
	t.Parallel()
	f := compile(t, &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{rule(specs.ActErrno, "getppid")}})
	for _, tt := range []struct {
		name  string
		probe probe
		want  string
	}{
		{"root", probe{}, "1 "},
		{"a user with no_new_privs", probe{UID: 65534, NoNewPrivs: true}, "1 "},
		{"a user without", probe{UID: 65534}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.probe.Filter, tt.probe.Calls = f, [][]uintptr{{unix.SYS_GETPPID}}
			out, errs, _ := tt.probe.start(t)
			if out != tt.want {
				t.Errorf("errnos %q, want %q; stderr %q", out, tt.want, errs)
			}
			if tt.want == "" && !strings.Contains(errs, "permission denied") {
				t.Errorf("stderr %q, want it to say permission denied", errs)
			}
		})
	}
}

func TestLoadRefusesWhatIsNoProgram(t *testing.T) {
	t.Parallel()
	for _, program := range [][]byte{nil, make([]byte, 7), make([]byte, instructionSize*(maxInstructions+1))} {
		if _, err := (&Filter{Program: program}).Load(); err == nil {
			t.Errorf("a program of %d bytes was loaded", len(program))
		}
	}
}
