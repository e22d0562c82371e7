package process

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/seccomp"
	"github.com/berth-oci/berth/spec"
)

// Exec turns the process into the user's program. It must be called on the thread that called
// Prepare, and returns only with an error. The process is of no more use then: all its descriptors
// are closed except stdio, Options.Preserve and Options.Keep.
func (p *Prepared) Exec() error {
	a := p.attributes
	if err := closeFrom(firstExtra+p.options.Preserve, p.options.Keep); err != nil {
		return err
	}
	for fd := firstExtra; fd < firstExtra+p.options.Preserve; fd++ {
		if err := inherit(fd); err != nil {
			return err
		}
	}
	if err := resetSignals(); err != nil {
		return err
	}
	if a.Seccomp != nil {
		if err := loadFilter(a.Seccomp, p.options.Listener); err != nil {
			return err
		}
	}
	for {
		if err := unix.Exec(p.path, a.Args, p.env); !errors.Is(err, unix.EINTR) {
			return &os.PathError{Op: "exec", Path: p.path, Err: err}
		}
	}
}

// inherit clears close-on-exec, so that the program inherits the descriptor.
func inherit(fd int) error {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
		return fmt.Errorf("preserve descriptor %d: %w", fd, err)
	}
	return nil
}

// loadFilter loads the filter. If the filter has a listener, another thread, without the filter,
// calls hand with the listener's descriptor: on this thread every system call might wait for the
// listener.
func loadFilter(f *seccomp.Filter, hand func(fd int) error) error {
	if !f.Listener {
		_, err := f.Load()
		return err
	}
	if hand == nil {
		return spec.Fieldf("linux.seccomp", "SCMP_ACT_NOTIFY is used, but nothing receives the listener")
	}
	// This thread waits in a loop without system calls, so it never yields its processor. The other
	// thread needs one too.
	if runtime.GOMAXPROCS(0) < 2 {
		runtime.GOMAXPROCS(2)
	}
	var fd atomic.Int64
	fd.Store(-1)
	var done atomic.Pointer[error]
	go func() {
		for fd.Load() < 0 {
			time.Sleep(50 * time.Microsecond)
		}
		err := hand(int(fd.Load()))
		done.Store(&err)
	}()
	listener, err := f.Load()
	if err != nil {
		return err
	}
	fd.Store(int64(listener))
	for {
		if err := done.Load(); err != nil {
			if *err != nil {
				return fmt.Errorf("send the seccomp listener: %w", *err)
			}
			return nil
		}
	}
}
