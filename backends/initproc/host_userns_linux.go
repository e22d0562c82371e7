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

// forkVar tells a process that has just joined a namespace to fork the init process as its sibling.
// Its value is the needed part of a Config, in JSON.
const forkVar = "_BERTH_INIT_FORK"

// forkJoined starts the init process in an existing user or time namespace. A Go program cannot
// join one, because it has threads (setns(2)). So nsenter(1) joins it and execs berth, which forks
// the init process as its sibling, so that the user namespace owns the init process's other
// namespaces.
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
	inside.Close() // otherwise the end of a silent init process would go unnoticed
	return receivePid(host)
}

// receivePid waits for the first byte that an init process sends. The kernel adds the sender's pid,
// translated to our own pid namespace (unix(7)).
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
