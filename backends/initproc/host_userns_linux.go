package initproc

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
)

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
