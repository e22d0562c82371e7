package process

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// OnThread calls f on a thread that is thrown away afterwards. It is not the
// main thread, which cannot end and which stands for the process.
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
