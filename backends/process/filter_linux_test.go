package process

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/seccomp"
)

// program assembles a filter that returns action for the given system calls, and other for the
// rest.
func program(action, other uint32, numbers ...uint32) *seccomp.Filter {
	f := new(seccomp.Filter)
	add := func(code uint16, jt, jf uint8, k uint32) {
		f.Program = binary.NativeEndian.AppendUint16(f.Program, code)
		f.Program = append(f.Program, jt, jf)
		f.Program = binary.NativeEndian.AppendUint32(f.Program, k)
	}
	add(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, 0, 0, 0)
	for i, n := range numbers {
		add(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, uint8(len(numbers)-i), 0, n)
	}
	add(unix.BPF_RET|unix.BPF_K, 0, 0, other)
	add(unix.BPF_RET|unix.BPF_K, 0, 0, action)
	return f
}

// forbidding makes the calls fail with ENOMEDIUM, an error that they do not return otherwise.
func forbidding(numbers ...uint32) *seccomp.Filter {
	return program(unix.SECCOMP_RET_ERRNO|uint32(unix.ENOMEDIUM), unix.SECCOMP_RET_ALLOW, numbers...)
}

// TestFilterComesLast checks that a filter need not allow any call that berth makes before the
// program runs, except execve.
func TestFilterComesLast(t *testing.T) {
	t.Parallel()
	filter := forbidding(unix.SYS_CAPSET, unix.SYS_SETRESUID, unix.SYS_SETRESGID, unix.SYS_SETGROUPS, unix.SYS_CHDIR,
		unix.SYS_CLOSE_RANGE, unix.SYS_PRLIMIT64, unix.SYS_UMASK, unix.SYS_KEYCTL, unix.SYS_FACCESSAT2, unix.SYS_FSTAT,
		unix.SYS_EPOLL_PWAIT, unix.SYS_FCHOWN, unix.SYS_SECCOMP)
	for _, uid := range []uint32{0, 1000} {
		for _, nnp := range []bool{false, true} {
			c := child{Attributes: run("echo", "fine")}
			a := &c.Attributes
			a.UID, a.NoNewPrivileges, a.Seccomp = uid, nnp, filter
			a.Capabilities = &Capabilities{}
			if got := c.output(t); got != "fine\n" {
				t.Errorf("uid %d, no_new_privs %t: %q", uid, nnp, got)
			}
		}
	}
}

// TestExecveAlone checks that a filter that allows only execve lets the process reach the program,
// which is killed at its first system call.
func TestExecveAlone(t *testing.T) {
	t.Parallel()
	c := child{Attributes: run("true")}
	c.Attributes.Seccomp = program(unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_KILL_PROCESS, unix.SYS_EXECVE)
	r := c.start(t)
	if !r.status.Signaled() || r.status.Signal() != unix.SIGSYS || r.stderr != "" {
		t.Errorf("%+v, want death by SIGSYS", r)
	}
}

// TestListener checks that the listener is sent even if the filter catches the calls that send it,
// and that the program's calls arrive at the listener.
func TestListener(t *testing.T) {
	t.Parallel()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "socket")
	defer unix.Close(pair[0])
	defer theirs.Close()
	if err := unix.SetsockoptTimeval(pair[0], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 20}); err != nil {
		t.Fatal(err)
	}

	c := child{Attributes: run("sh", "-c", "busybox mkdir /x; busybox echo $?"), Listener: true, Files: []*os.File{theirs}, OneProcessor: true}
	calls := []uint32{unix.SYS_MKDIRAT, unix.SYS_SENDMSG}
	if runtime.GOARCH == "amd64" {
		calls = append(calls, 83) // mkdir, which newer architectures lack
	}
	c.Attributes.Seccomp = program(unix.SECCOMP_RET_USER_NOTIF, unix.SECCOMP_RET_ALLOW, calls...)
	c.Attributes.Seccomp.Listener = true
	cmd := c.command(t)
	result := make(chan string)
	go func() {
		out, err := cmd.CombinedOutput()
		result <- fmt.Sprint(string(out), err)
	}()
	listener := receive(t, pair[0])
	defer listener.Close()
	answer(t, int(listener.Fd()), unix.EROFS)
	if got, want := <-result, "mkdir: can't create directory '/x': Read-only file system\n1\n<nil>"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}

	c.Listener = false
	c.fails(t, "exec: linux.seccomp: SCMP_ACT_NOTIFY is used, but nothing receives the listener")
}

func receive(t *testing.T, socket int) *os.File {
	t.Helper()
	_, files, err := link.ReceiveMessage(socket, make([]byte, 8), 1)
	if err != nil || len(files) != 1 {
		t.Fatalf("receive the listener: %v, %v", files, err)
	}
	return files[0]
}

// answer makes the next call that the listener receives fail with errno.
func answer(t *testing.T, listener int, errno unix.Errno) {
	t.Helper()
	poll := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
	err := link.Retry(func() error {
		n, err := unix.Poll(poll, int((20 * time.Second).Milliseconds()))
		if n == 0 && err == nil {
			return os.ErrDeadlineExceeded
		}
		return err
	})
	if err != nil {
		t.Fatalf("no call arrived: %v", err)
	}
	var notif [80]byte // struct seccomp_notif
	err = link.Retry(func() error {
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&notif))); e != 0 {
			return e
		}
		return nil
	})
	if err != nil {
		t.Fatalf("SECCOMP_IOCTL_NOTIF_RECV: %v", err)
	}
	var resp [24]byte // struct seccomp_notif_resp: id, val, error, flags
	copy(resp[:8], notif[:8])
	binary.NativeEndian.PutUint32(resp[16:], uint32(-int32(errno)))
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&resp))); e != 0 {
		t.Fatalf("SECCOMP_IOCTL_NOTIF_SEND: %v", e)
	}
}

// startBlocked starts a command from a thread that blocks signals. The child inherits the mask.
func startBlocked(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	// The thread stays locked, so it ends with the goroutine.
	var set unix.Sigset_t
	for _, sig := range []unix.Signal{unix.SIGHUP, unix.SIGTERM, unix.SIGUSR1, unix.SIGCHLD, unix.SIGWINCH} {
		set.Val[0] |= 1 << (sig - 1)
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil); err != nil {
		return err
	}
	return cmd.Start()
}
