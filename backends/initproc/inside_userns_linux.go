package initproc

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
)

// forkSibling is the second step of forkJoined, in the namespaces. The init process becomes a child
// of our own parent.
func forkSibling(socket int, cfg *Config) {
	attr := link.Child([3]*os.File{os.Stdin, os.Stdout, os.Stderr}, socket-3, uintptr(socket), socketVar)
	attr.Env = append(attr.Env, helloVar+"=1")
	if offsets, ok := os.LookupEnv(timeVar); ok {
		attr.Env = append(attr.Env, timeVar+"="+offsets)
	}
	attr.Sys = &syscall.SysProcAttr{Setsid: true, Cloneflags: unix.CLONE_PARENT}
	if cfg.NewPID {
		attr.Sys.Cloneflags |= unix.CLONE_NEWPID
	}
	switch {
	case cfg.NewUser:
		cfg.mapUser(attr.Sys)
	case cfg.UserPath != "":
		attr.Sys.Cloneflags |= unix.CLONE_NEWNS
	}
	_, err := syscall.ForkExec(fmt.Sprintf("/proc/self/fd/%d", socket+1), []string{processName}, attr)
	if err != nil {
		fmt.Fprintf(os.Stderr, "berth: start the container's process in its namespaces: %v\n", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// helloVar tells the init process to send a byte first.
const helloVar = "_BERTH_INIT_HELLO"
