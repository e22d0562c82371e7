package runtime

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// catchSignals sends what this process receives to a channel until stop is
// called. Go takes 0.1 ms and several changes of thread for each kind of signal
// (runtime.ensureSigM), which for all 65 of them is more than exec takes for the
// rest; so those that people and engines send come first, the others when the
// process has lived for a moment.
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
