package process

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// OnThread calls f on a thread that ends afterwards, and waits for it. The thread is never the main
// thread, which represents the process and cannot end.
func OnThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			OnThread(f)
			runtime.UnlockOSThread()
			return
		}
		f()
	}()
	<-done
}
