package initproc

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
)

// forkVar asks a process that has just joined a namespace to make the init process, as
// its sibling, with what of a Config its value, in JSON, says.
const forkVar = "_BERTH_INIT_FORK"

// forkJoined starts the init process in an existing user or time namespace. A Go program
// cannot join one, having threads (setns(2)); nsenter(1) does, and goes on as
// berth, which makes the init process as its sibling, so that its other namespaces are
// the user namespace's own.
func (cfg *Config) forkJoined(exe, inside *os.File, attr *syscall.ProcAttr, host link.Conn) (int, error) {
	var spaces joining
	defer spaces.close()
	if err := errors.Join(spaces.add("user", cfg.UserPath), spaces.add("time", cfg.TimePath)); err != nil {
		return 0, err
	}
	nsenter, argv, err := spaces.command(attr, exe)
	if err != nil {
		return 0, err
	}
	config, err := json.Marshal(&Config{NewPID: cfg.NewPID, NewUser: cfg.NewUser, UserPath: cfg.UserPath, UIDMaps: cfg.UIDMaps, GIDMaps: cfg.GIDMaps})
	if err != nil {
		return 0, err
	}
	attr.Env = append(attr.Env, forkVar+"="+string(config))
	if err := unix.SetsockoptInt(host.FD, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		return 0, err
	}
	pid, err := syscall.ForkExec(nsenter, argv, attr)
	if err != nil {
		return 0, err
	}
	var status syscall.WaitStatus
	if err := link.Retry(func() error { _, err := syscall.Wait4(pid, &status, 0, nil); return err }); err != nil {
		return 0, err
	}
	if status != 0 {
		return 0, fmt.Errorf("join the %s: nsenter ended with status %d", strings.Join(spaces.names, " and the "), status.ExitStatus())
	}
	inside.Close() // or the end of an init process that says nothing would not be seen
	return receivePid(host)
}

// receivePid waits for the byte that an init process sends first, and lets the kernel
// say who it was, in terms of our own pid namespace (unix(7)).
func receivePid(host link.Conn) (int, error) {
	oob := make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	_, oobn, _, _, err := unix.Recvmsg(host.FD, make([]byte, 1), oob, 0)
	if err != nil {
		return 0, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		return 0, errors.Join(link.ErrPeerGone, err)
	}
	cred, err := unix.ParseUnixCredentials(&messages[0])
	if err != nil {
		return 0, err
	}
	return int(cred.Pid), unix.SetsockoptInt(host.FD, unix.SOL_SOCKET, unix.SO_PASSCRED, 0)
}

// forkSibling is the second step of forkJoined, in the namespaces. The init process
// becomes the child of our own parent.
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

// helloVar asks the init process to send a byte first.
const helloVar = "_BERTH_INIT_HELLO"
