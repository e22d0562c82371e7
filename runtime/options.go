package runtime

import (
	"errors"
	"fmt"
)

// checkOptions refuses options of create that a backend of berth's own cannot
// honour, and works out which descriptors the container gets.
func checkOptions(j *job) error {
	o := j.options
	if o.NoPivot {
		return fmt.Errorf("--no-pivot: not supported by the %s backend, whose containers always get a root of their own", j.backend.Name())
	}
	if o.NoCgroup {
		return fmt.Errorf("--cgroup-manager=disabled: not supported by the %s backend, whose containers always have a cgroup", j.backend.Name())
	}
	if err := checkTerminal(j.bundle.Spec.Process.Terminal, o.ConsoleSocket != ""); err != nil {
		return err
	}
	preserve, err := preserveFDs(o.PreserveFDs, o.ListenFDs, o.Inherited)
	if err != nil {
		return err
	}
	o.PreserveFDs = preserve
	return nil
}

// checkTerminal wants a place for the terminal's master where there is a
// terminal, and none where there is not.
func checkTerminal(terminal, socket bool) error {
	switch {
	case terminal && !socket:
		return errors.New("cannot allocate tty if berth will detach without setting console socket: process.terminal is set, give --console-socket")
	case !terminal && socket:
		return errors.New("cannot use console socket if berth will not detach or allocate tty: process.terminal is not set")
	}
	return nil
}

// preserveFDs is the number of descriptors beyond the sockets to hand on, of n
// that are asked for. podman counts the sockets among these; what is not there
// must not be made up for by descriptors of berth's own.
func preserveFDs(n, listen, inherited int) (int, error) {
	if n < 0 {
		return 0, fmt.Errorf("--preserve-fds=%d is not a number of descriptors", n)
	}
	if max(n, listen) > inherited {
		return 0, fmt.Errorf("descriptor %d, which --preserve-fds or LISTEN_FDS names, is not open", 3+inherited)
	}
	return min(n, inherited-listen), nil
}
