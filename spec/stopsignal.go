package spec

import (
	"syscall"

	"github.com/moby/sys/signal"
)

// StopSignalAnnotation is the annotation that carries an image's STOPSIGNAL (conversion.md of the
// image specification).
const StopSignalAnnotation = "org.opencontainers.image.stopSignal"

// StopSignal returns the signal in the annotations that asks the container to stop: a name with or
// without SIG, such as "SIGTERM" or "RTMIN+3", or a number. It returns SIGTERM if there is no such
// annotation or its value is not a signal.
func StopSignal(annotations map[string]string) syscall.Signal {
	const last = 64 // SIGRTMAX of Linux
	sig, err := signal.ParseSignal(annotations[StopSignalAnnotation])
	if err != nil || sig < 1 || sig > last {
		return syscall.SIGTERM
	}
	return sig
}
