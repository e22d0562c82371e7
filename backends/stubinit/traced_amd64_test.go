//go:build linux

package stubinit

import (
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// tracer acts as a container process with CAP_SYS_PTRACE.
type tracer struct {
	*testing.T
	pid  int
	regs unix.PtraceRegs
}

// trace attaches to a stub init that waits in poll. The test is the tracer, on one thread.
func trace(t *testing.T, pid int) *tracer {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	tr := &tracer{T: t, pid: pid}
	tr.must(unix.PtraceAttach(pid))
	tr.wait()
	tr.must(unix.PtraceGetRegs(pid, &tr.regs))
	return tr
}

func (tr *tracer) must(err error) {
	tr.Helper()
	if err != nil {
		tr.Fatal(err)
	}
}

func (tr *tracer) wait() syscall.Signal {
	tr.Helper()
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(tr.pid, &ws, unix.WALL, nil)
		if err != unix.EINTR {
			tr.must(err)
			break
		}
	}
	if !ws.Stopped() {
		tr.Fatalf("the stub init ended: %v", ws)
	}
	return ws.StopSignal()
}

// call makes the stub init execute a system call, with its own syscall instruction.
func (tr *tracer) call(number uint64, args ...uint64) syscall.Errno {
	tr.Helper()
	regs := tr.regs
	regs.Rax, regs.Orig_rax = number, ^uint64(0)
	for i, to := range []*uint64{&regs.Rdi, &regs.Rsi, &regs.Rdx, &regs.R10, &regs.R8, &regs.R9} {
		*to = 0
		if i < len(args) {
			*to = args[i]
		}
	}
	regs.Rip -= 2
	tr.must(unix.PtraceSetRegs(tr.pid, &regs))
	tr.must(unix.PtraceSingleStep(tr.pid))
	tr.wait()
	tr.must(unix.PtraceGetRegs(tr.pid, &regs))
	if n := int64(regs.Rax); n < 0 && n > -4096 {
		return syscall.Errno(-n)
	}
	return 0
}

// TestTraced checks that a tracer can make a stub init execute only the system calls that the stub
// init makes itself, and cannot grow its memory. The stub init works on afterwards.
func TestTraced(t *testing.T) {
	t.Parallel()
	process := sleeper(t)
	stubInit := start(t, process.Process.Pid)
	tr := trace(t, stubInit.Process.Pid)
	other := map[uint64]bool{
		unix.SYS_POLL: true, unix.SYS_RESTART_SYSCALL: true, unix.SYS_EXIT_GROUP: true,
		335: true, 336: true, // uretprobe and uprobe, which the kernel does not filter, and which have no effect alone
	}
	for n := range uint64(1024) {
		if other[n] {
			continue
		}
		// read and close do not allow -1 as descriptor.
		if errno := tr.call(n, ^uint64(0), 0, 0, 1); errno != unix.EPERM {
			t.Errorf("system call %d: %v, want EPERM", n, errno)
		}
	}
	for name, c := range map[string]struct {
		args []uint64
		want syscall.Errno
	}{
		"no signal":         {[]uint64{unix.SYS_PIDFD_SEND_SIGNAL, 0, 0, 0, 0}, 0},
		"with siginfo":      {[]uint64{unix.SYS_PIDFD_SEND_SIGNAL, 0, 0, tr.regs.Rsp, 0}, unix.EPERM},
		"with high siginfo": {[]uint64{unix.SYS_PIDFD_SEND_SIGNAL, 0, 0, 1 << 32, 0}, unix.EPERM},
		"to the group":      {[]uint64{unix.SYS_PIDFD_SEND_SIGNAL, 0, 0, 0, unix.PIDFD_SIGNAL_PROCESS_GROUP}, unix.EPERM},
		"of another":        {[]uint64{unix.SYS_PIDFD_SEND_SIGNAL, 1, 0, 0, 0}, unix.EPERM},
		"close the pidfd":   {[]uint64{unix.SYS_CLOSE, 0}, unix.EPERM},
		"read the pidfd":    {[]uint64{unix.SYS_READ, 0, tr.regs.Rsp, 128}, unix.EPERM},
		"x32":               {[]uint64{unix.SYS_GETPID | 1<<30}, unix.EPERM},
	} {
		if errno := tr.call(c.args[0], c.args[1:]...); errno != c.want {
			t.Errorf("%s: %v, want %v", name, errno, c.want)
		}
	}

	// The stack does not grow: the next instruction reads below the stack pointer.
	regs := tr.regs
	regs.Rsp, regs.Rax, regs.Orig_rax = regs.Rsp-384<<10, 0, ^uint64(0)
	tr.must(unix.PtraceSetRegs(tr.pid, &regs))
	tr.must(unix.PtraceSingleStep(tr.pid))
	if sig := tr.wait(); sig != unix.SIGSEGV {
		t.Errorf("below the stack: stopped by %v, want SIGSEGV", sig)
	}

	tr.must(unix.PtraceSetRegs(tr.pid, &tr.regs))
	tr.must(unix.PtraceDetach(tr.pid))
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	wait(t, process)
	if status := wait(t, stubInit); status.ExitStatus() != 0 {
		t.Errorf("the stub init ended with %v", status)
	}
}
