package runtime

import (
	"errors"
	"fmt"
)

// checkOptions refuses create options that berth's own backends cannot honour, and works out which
// descriptors the container gets.
func checkOptions(j *job) error {
	o := &j.Options
	if o.NoPivot {
		return fmt.Errorf("--no-pivot: not supported by the %s backend, because its containers always have their own root", j.backend.Name())
	}
	if o.NoCgroup {
		return fmt.Errorf("--cgroup-manager=disabled: not supported by the %s backend, because its containers always have a cgroup", j.backend.Name())
	}
	if err := checkTerminal(j.Bundle.Spec.Process.Terminal, o.ConsoleSocket != ""); err != nil {
		return err
	}
	preserve, err := preserveFDs(o.PreserveFDs, o.ListenFDs, o.Inherited)
	if err != nil {
		return err
	}
	o.PreserveFDs = preserve
	return nil
}

// checkTerminal requires a console socket if the process has a terminal, and none if it has no
// terminal.
func checkTerminal(terminal, socket bool) error {
	switch {
	case terminal && !socket:
		return errors.New("cannot allocate tty if berth will detach without setting console socket: process.terminal is true, so --console-socket is required")
	case !terminal && socket:
		return errors.New("cannot use console socket if berth will not detach or allocate tty: process.terminal is not true")
	}
	return nil
}

// preserveFDs returns how many descriptors to pass on beyond the listen sockets, if n are asked
// for. podman counts the sockets among the n. It fails if fewer descriptors were inherited, because
// berth's own descriptors must not take the place of missing ones.
func preserveFDs(n, listen, inherited int) (int, error) {
	if n < 0 {
		return 0, fmt.Errorf("--preserve-fds must be a number of descriptors, not %d", n)
	}
	if max(n, listen) > inherited {
		return 0, fmt.Errorf("descriptor %d of --preserve-fds or LISTEN_FDS is not open", 3+inherited)
	}
	return min(n, inherited-listen), nil
}
