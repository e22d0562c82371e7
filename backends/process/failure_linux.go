package process

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Failure decodes the report that a child of Fork wrote to its sync socket. It returns nil if the
// report is empty: the child then runs the program, or was killed. path is Prepared.Path.
func (a *Attributes) Failure(report []byte, path string) error {
	if len(report) == 0 {
		return nil
	}
	if len(report) != reportSize {
		return errors.New("the process sent an invalid report")
	}
	step, errno := binary.NativeEndian.Uint32(report), syscall.Errno(binary.NativeEndian.Uint32(report[4:]))
	if step == stepExec {
		return &os.PathError{Op: "exec", Path: path, Err: errno}
	}
	if limits := a.childLimits(); step >= stepLimits && step-stepLimits < uint32(len(limits)) {
		return limitError(limits[step-stepLimits], errno)
	}
	if int(step) >= len(stepNames) {
		return fmt.Errorf("the process sent an invalid report: %w", errno)
	}
	return fmt.Errorf("%s: %w", stepNames[step], errno)
}

// The steps of the child, as its report names them.
const (
	stepSession = iota
	stepStdio
	stepTerminal
	stepSync
	stepDescriptors
	stepSignals
	stepSeccomp
	stepExec
	stepJoin
	stepCaps
	stepBear
	stepLimits = 1 << 8 // plus the index in childLimits
)

var stepNames = []string{
	"setsid", "set up stdio", "make the terminal the controlling terminal", "wait on the sync socket", "close and preserve descriptors",
	"reset signals", "load the seccomp filter", "exec",
	"join the pid namespace (the container's user namespace, or one below it, must own it): setns",
	"drop CAP_SYS_ADMIN: capset", "fork",
}

// reportSize is the size of step and errno.
const reportSize = 8
