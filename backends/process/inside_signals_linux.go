package process

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	sigSetSize = 8 // of the kernel's sigset_t
	lastSignal = 64
	sigIgnore  = 1 // SIG_IGN
)

// kernelAction has room for the kernel's struct sigaction. All zero is SIG_DFL. The handler comes
// first, except on MIPS, where resetSignals therefore sees no ignored signal and changes nothing.
type kernelAction struct {
	handler uintptr
	rest    [7]uintptr
}

// resetSignals resets every ignored signal to its default and unblocks all signals. execve resets
// the Go runtime's handlers, but the program would inherit ignored and blocked signals, which it
// does not expect (signal(7)).
func resetSignals() error {
	for sig := uintptr(1); sig <= lastSignal; sig++ {
		var act kernelAction
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, 0, uintptr(unsafe.Pointer(&act)), sigSetSize, 0, 0)
		if errno != 0 || act.handler != sigIgnore {
			continue
		}
		act = kernelAction{}
		_, _, errno = unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&act)), 0, sigSetSize, 0, 0)
		if errno != 0 {
			return fmt.Errorf("reset signal %d: %w", sig, errno)
		}
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &unix.Sigset_t{}, nil); err != nil {
		return fmt.Errorf("unblock signals: %w", err)
	}
	return nil
}
