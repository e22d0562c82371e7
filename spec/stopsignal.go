package spec

import (
	"syscall"

	"github.com/moby/sys/signal"
)

// StopSignalAnnotation carries an image's STOPSIGNAL (the image
// specification's conversion.md).
const StopSignalAnnotation = "org.opencontainers.image.stopSignal"

// StopSignal returns the signal that asks the container to stop, from its
// annotations: a name with or without SIG, as "SIGTERM" or "RTMIN+3", or a
// number. It is SIGTERM if there is none or it is not a signal.
func StopSignal(annotations map[string]string) syscall.Signal {
	const last = 64 // SIGRTMAX of Linux
	sig, err := signal.ParseSignal(annotations[StopSignalAnnotation])
	if err != nil || sig < 1 || sig > last {
		return syscall.SIGTERM
	}
	return sig
}
