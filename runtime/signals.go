package runtime

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// catchSignals sends the signals that this process receives to a channel until stop is called. Go
// takes 0.1 ms and several thread switches for each kind of signal (runtime.ensureSigM). For all 65
// kinds that is more than exec takes for everything else. So catchSignals starts with the signals
// that people and engines send, and adds the others when the process has run for a moment.
func catchSignals() (signals <-chan os.Signal, stop func()) {
	ch := make(chan os.Signal, 128)
	signal.Notify(ch, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH)
	const moment = 100 * time.Millisecond
	all := time.AfterFunc(moment, func() { signal.Notify(ch) })
	return ch, func() {
		all.Stop()
		signal.Stop(ch)
	}
}
