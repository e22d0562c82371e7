package stage

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/stage/link"
)

// forkVar asks a process that has just joined a user namespace to make the
// stage, as its sibling, with the namespaces that its value says.
const forkVar = "_BERTH_STAGE_FORK"

// forkInUser starts the stage in an existing user namespace. A Go program
// cannot join one, having threads (setns(2)); nsenter(1) does, and goes on as
// berth, which makes the stage as its sibling, so that its other namespaces are
// the user namespace's own.
func (cfg *Config) forkInUser(exe *os.File, attr *syscall.ProcAttr, host link.Conn) (int, error) {
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return 0, fmt.Errorf("to join a user namespace, nsenter of util-linux is needed: %w", err)
	}
	user, err := os.OpenFile(cfg.UserPath, os.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("user namespace: %w", err)
	}
	defer user.Close()
	exeAt, userAt := len(attr.Files), len(attr.Files)+1
	attr.Files = append(attr.Files, exe.Fd(), user.Fd())
	argv := []string{"nsenter", fmt.Sprintf("--user=/proc/self/fd/%d", userAt), "--", fmt.Sprintf("/proc/self/fd/%d", exeAt)}
	flags := unix.CLONE_NEWNS
	if cfg.NewPID {
		flags |= unix.CLONE_NEWPID
	}
	attr.Env = append(attr.Env, forkVar+"="+strconv.Itoa(flags))
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
		return 0, fmt.Errorf("join the user namespace %s: nsenter ended with status %d", cfg.UserPath, status.ExitStatus())
	}
	return receivePid(host)
}

// receivePid waits for the byte that a stage sends first, and lets the kernel
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

// forkSibling is the second step of forkInUser, in the user namespace. The
// stage becomes the child of our own parent.
func forkSibling(socket, flags int) {
	files := make([]uintptr, socket+1)
	for i := range files {
		files[i] = uintptr(i)
	}
	env := append(stageEnv(), socketVar+"="+strconv.Itoa(socket), helloVar+"=1")
	_, err := syscall.ForkExec(fmt.Sprintf("/proc/self/fd/%d", socket+1), []string{processName}, &syscall.ProcAttr{
		Env:   env,
		Files: files,
		Sys:   &syscall.SysProcAttr{Setsid: true, Cloneflags: uintptr(flags) | unix.CLONE_PARENT},
	})
	if err != nil {
		fmt.Fprintf(os.Stderr, "berth: start the container's process in its user namespace: %v\n", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// helloVar asks the stage to send a byte first.
const helloVar = "_BERTH_STAGE_HELLO"
