package lxc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/host"
)

// StopOptions says how a container is stopped.
type StopOptions struct {
	Kill         bool // SIGKILL, no signal first
	Timeout      int  // seconds for a shutdown; negative means lxc-stop's default
	KillInTheEnd bool // if the shutdown takes longer
}

// Stop stops a container and waits until its monitor has ended, and with it the post-stop hook.
func Stop(h *host.Host, id string, options StopOptions, messages io.Writer) error {
	socket, err := connect(h, id)
	if errors.Is(err, errNotRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	defer socket.Close()

	words := []string{"lxc-stop", "-n", id}
	if h.Rooted() {
		words = append(words, "-P", h.LXCPath())
	}
	var limit time.Duration
	if options.Kill {
		words = append(words, "--kill")
	} else {
		if !options.KillInTheEnd {
			words = append(words, "--nokill")
		}
		if options.Timeout >= 0 {
			words = append(words, "--timeout", strconv.Itoa(options.Timeout))
			limit = time.Duration(options.Timeout+5) * time.Second
		}
	}
	if err := runFor(limit, messages, words...); err != nil {
		fmt.Fprintln(messages, err)
		if untilGone(socket, limit) {
			return nil
		}
		return failure.New("container did not stop")
	}
	untilGone(socket, 0)
	return nil
}

func runFor(limit time.Duration, messages io.Writer, words ...string) error {
	ctx := context.Background()
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	command := exec.CommandContext(ctx, words[0], words[1:]...)
	command.Stdout, command.Stderr = messages, messages
	if _, isFile := messages.(*os.File); !isFile {
		// A grandchild may keep the pipe open.
		command.WaitDelay = time.Second
	}
	err := command.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return failure.New("command '%s' failed: got timeout", strings.Join(words, " "))
	case errors.As(err, &exit):
		return failure.New("command '%s' failed: exit code %d", strings.Join(words, " "), exit.ExitCode())
	}
	return failure.New("command '%s' failed: failed to execute: %v", strings.Join(words, " "), err)
}
