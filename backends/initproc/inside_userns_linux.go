package initproc

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// forkSibling is the second step of forkJoined, in the namespaces. The init process becomes a child
// of our own parent.
func forkSibling(socket int, cfg *Config) {
	files := make([]uintptr, socket+1)
	for i := range files {
		files[i] = uintptr(i)
	}
	env := append(initEnv(), socketVar+"="+strconv.Itoa(socket), helloVar+"=1")
	if offsets, ok := os.LookupEnv(timeVar); ok {
		env = append(env, timeVar+"="+offsets)
	}
	sys := &syscall.SysProcAttr{Setsid: true, Cloneflags: unix.CLONE_PARENT}
	if cfg.NewPID {
		sys.Cloneflags |= unix.CLONE_NEWPID
	}
	switch {
	case cfg.NewUser:
		cfg.mapUser(sys)
	case cfg.UserPath != "":
		sys.Cloneflags |= unix.CLONE_NEWNS
	}
	_, err := syscall.ForkExec(fmt.Sprintf("/proc/self/fd/%d", socket+1), []string{processName}, &syscall.ProcAttr{Env: env, Files: files, Sys: sys})
	if err != nil {
		fmt.Fprintf(os.Stderr, "berth: start the container's process in its namespaces: %v\n", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// helloVar tells the init process to send a byte first.
const helloVar = "_BERTH_INIT_HELLO"
