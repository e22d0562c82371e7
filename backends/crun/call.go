package crun

import (
	"syscall"

	"github.com/berth-oci/berth/backends"
)

// Call is a command of the OCI command line.
type Call struct {
	// Command is the command's name. Words are the flags and arguments that follow it, including
	// the container's id.
	Command string
	Words   []string
}

// StartCall starts the container's process.
func StartCall(id string) Call { return Call{Command: "start", Words: []string{id}} }

// KillCall sends a signal to the container's first process, or to all of its processes if all is
// true.
func KillCall(id string, sig syscall.Signal, all bool) Call {
	return Call{Command: "kill", Words: killOptions{Signal: sig, All: all}.args(id)}
}

// DeleteCall removes a stopped container, or with force a container in any state.
func DeleteCall(id string, force bool) Call {
	return Call{Command: "delete", Words: deleteOptions{Force: force}.args(id)}
}

// createCall makes the container.
func createCall(c *backends.Container, o backends.CreateOptions) Call {
	o.PidFile = pidFile(c, o)
	return Call{Command: "create", Words: createOptions{Bundle: c.Bundle, CreateOptions: o}.args(c.ID)}
}
