// Package agent sends the listener of a seccomp filter to the seccomp agent of
// linux.seccomp.listenerPath.
package agent

import (
	"encoding/json"
	"errors"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/savedconfig"
	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/spec"
)

// Check makes create report what start would fail for: the filter is loaded, and its listener
// sent, as the last step before the program runs. Check does not connect, because the agent
// should see no connection without a listener.
func Check(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.Mode().Type() != os.ModeSocket {
		err = errors.New("it is not a socket")
	}
	if err != nil {
		return noAgent(path, err)
	}
	return nil
}

func noAgent(path string, err error) error {
	return spec.Fieldf("linux.seccomp.listenerPath", "failed to connect with seccomp agent specified in the seccomp profile: %s: %w", path, err)
}

// Send sends the listener of a process's filter to the seccomp agent of
// linux.seccomp.listenerPath, with the container process state
// (config-linux.md#the-container-process-state).
func Send(c *backends.Container, pid int, status specs.ContainerState, listener *os.File) error {
	k, err := savedconfig.Load(c)
	if err != nil {
		return err
	}
	data, err := json.Marshal(specs.ContainerProcessState{
		Version: specs.Version, Fds: []string{specs.SeccompFdName}, Pid: pid,
		Metadata: k.Linux.Seccomp.ListenerMetadata, State: c.State(status),
	})
	if err != nil {
		return err
	}
	agent, err := link.DialUnix(k.Linux.Seccomp.ListenerPath)
	if err != nil {
		return noAgent(k.Linux.Seccomp.ListenerPath, err)
	}
	defer agent.Close()
	if err := link.SendMessage(int(agent.Fd()), data, int(listener.Fd())); err != nil {
		return spec.Fieldf("linux.seccomp.listenerPath", "send seccomp fd to %s: %w", k.Linux.Seccomp.ListenerPath, err)
	}
	return nil
}
