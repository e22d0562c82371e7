// Package osthread runs functions on threads that are thrown away.
//
// On Linux, namespaces, credentials, the mask of signals, the seccomp filter and the AppArmor
// profile of the next execve belong to a thread, and many of these cannot be taken back. A
// goroutine that changes them must stay on its thread (runtime.LockOSThread), and no other
// goroutine may run on that thread afterwards. The Go runtime ends a thread whose goroutine ends
// without runtime.UnlockOSThread.
package osthread

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Run calls f on a thread that ends afterwards, and returns its error. The thread is never the main
// thread, which represents the process (/proc/self) and cannot end.
func Run(f func() error) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			err = Run(f)
			runtime.UnlockOSThread()
			return
		}
		err = f()
	}()
	<-done
	return err
}

// Join moves the calling thread, which is one of Run, into a namespace. kind is its type
// (CLONE_NEWNS and so on), or 0 for any. The processes that the thread forks are in the namespace
// too. Join does nothing if ns is nil. See setns(2) for the namespaces that a single thread can
// join.
func Join(ns *os.File, kind int) error {
	if ns == nil {
		return nil
	}
	if kind == unix.CLONE_NEWNS {
		// The threads of a process share their root and working directory, and only a thread that
		// does not can have another mount namespace.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return fmt.Errorf("unshare(CLONE_FS): %w", err)
		}
	}
	if err := unix.Setns(int(ns.Fd()), kind); err != nil {
		return fmt.Errorf("join the namespace %s: setns: %w", ns.Name(), err)
	}
	return nil
}
