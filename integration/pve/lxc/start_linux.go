package lxc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/host"
)

// StderrFile returns the path of the stderr of a container's lxc-start.
func StderrFile(id string) string { return "/run/pve/ct-" + id + ".stderr" }

// StartingMark returns the path of a file that the pre-start hook creates when LXC is in the state
// STARTING.
func StartingMark(id string) string { return "/run/pve/ct-" + id + ".starting" }

const startTimeout = 10 * time.Second

// Start starts a container whose configuration has been written, and waits until its init runs. It
// copies lxc-start's output to messages if the start fails or debug is set.
func Start(h *host.Host, id string, debug bool, messages io.Writer) error {
	_ = os.Remove(h.Path(StderrFile(id)))
	_ = os.Remove(h.Path(StartingMark(id)))
	err := launch(h, id, debug)
	if err == nil {
		err = await(h, id, messages)
	}
	if err != nil || debug {
		printLog(h, id, messages)
	}
	if err != nil {
		return err
	}
	// PVE asks twice, by running lxc-info, so it does not find an init that ends at once.
	for range 2 {
		if _, err := InitPID(h, id); err != nil {
			return failure.New("unable to get PID for CT %s (not running?)", id)
		}
		time.Sleep(lxcInfoTime)
	}
	return nil
}

// lxcInfoTime is the approximate time of one lxc-info run.
const lxcInfoTime = 4 * time.Millisecond

func launch(h *host.Host, id string, debug bool) error {
	if h.HasSystemd() {
		settle(id)
		unit := "pve-container@" + id
		if debug {
			unit = "pve-container-debug@" + id
		}
		return run("systemctl", "start", unit)
	}
	return daemonize(h, id, debug)
}

// run runs a command and fails with PVE's message.
func run(words ...string) error {
	output, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		_, _ = os.Stdout.Write(output)
		return failure.New("command '%s' failed: exit code %d", strings.Join(words, " "), exit.ExitCode())
	case err != nil:
		return failure.New("command '%s' failed: failed to execute: %v", strings.Join(words, " "), err)
	}
	return nil
}

// daemonize runs lxc-start as the unit would: in its own session and without our descriptors.
func daemonize(h *host.Host, id string, debug bool) error {
	words := []string{"-F", "-n", id}
	if h.Rooted() {
		words = append(words, "-P", h.LXCPath())
	}
	if debug {
		words = append(words, "-o", "/dev/stderr", "-l", "DEBUG")
	}
	log, err := os.OpenFile(h.Path(StderrFile(id)), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("open the container's log: %w", err)
	}
	defer log.Close()
	command := exec.Command("lxc-start", words...)
	command.Dir = "/"
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8"}
	command.Stderr = log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return failure.New("command 'lxc-start -F -n %s' failed: failed to execute: %v", id, err)
	}
	go func() { _ = command.Wait() }()
	return nil
}

// await waits for the state RUNNING. Like Proxmox it gives up without an error after 10 s without a
// sign of life.
func await(h *host.Host, id string, messages io.Writer) error {
	limit := startTimeout
	if h.Settings.StartTimeout > 0 {
		limit = time.Duration(h.Settings.StartTimeout) * time.Millisecond
	}
	failed := failure.New("startup for container '%s' failed", id)
	pause := time.Millisecond
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(pause) {
		pause = min(pause+pause/64, 20*time.Millisecond)
		// Check this before asking: if the mark exists, a refused connection does not mean that we
		// came too early.
		_, noMark := os.Stat(h.Path(StartingMark(id)))
		state, err := ask(h, id, getState, time.Hour)
		switch {
		case err == nil && (state == stateRunning || state == stateFrozen):
			return nil
		case err == nil, errors.Is(err, io.EOF):
			// The monitor has ended or is about to. If it logged no failure, init ran and ended at
			// once.
			if !complained(h, id) {
				return nil
			}
			return failed
		case errors.Is(err, errNotRunning):
			if noMark == nil {
				return failed
			}
		default:
			return err
		}
	}
	fmt.Fprintln(messages, "problem with monitor socket, but continuing anyway: got timeout")
	return nil
}

var logPrefix = regexp.MustCompile(`(?m)^[ \t]*(?:lxc-start:?\s+\d+:?\s*\S+\s*)?(.*?)[ \t]*$`)

// startFailure matches what liblxc logs if a start fails. A successful start may log other errors.
var startFailure = regexp.MustCompile(`__lxc_start: \d+ .*[Ff]ailed`)

func complained(h *host.Host, id string) bool {
	raw, _ := os.ReadFile(h.Path(StderrFile(id)))
	return startFailure.Match(raw)
}

func printLog(h *host.Host, id string, messages io.Writer) {
	raw, _ := os.ReadFile(h.Path(StderrFile(id)))
	for _, m := range logPrefix.FindAllStringSubmatch(strings.TrimRight(string(raw), "\n"), -1) {
		if m[1] != "" {
			fmt.Fprintln(messages, m[1])
		}
	}
}
