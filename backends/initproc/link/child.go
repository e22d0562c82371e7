package link

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
)

// Child returns the attributes of a berth that is started to become a container's process. It has
// stdio, berth's own descriptors from 3 on, of which inherited are passed on, and then the socket,
// whose number is in the environment variable variable. It has few of berth's own variables: the
// user's process gets its environment from config.json alone.
func Child(stdio [3]*os.File, inherited int, socket uintptr, variable string) *syscall.ProcAttr {
	files := []uintptr{stdio[0].Fd(), stdio[1].Fd(), stdio[2].Fd()}
	for i := range inherited {
		files = append(files, uintptr(3+i))
	}
	env := []string{"GOMAXPROCS=1", "GOGC=off", variable + "=" + strconv.Itoa(len(files))}
	if v, ok := os.LookupEnv("GOCOVERDIR"); ok {
		env = append(env, "GOCOVERDIR="+v)
	}
	return &syscall.ProcAttr{Env: env, Files: append(files, socket)}
}

// AwaitHooks lets create run the hooks of the runtime namespace.
func (c Conn) AwaitHooks() error {
	if err := c.Send(Event{Kind: EventHooks}); err != nil {
		return err
	}
	return c.Await(AnswerGo)
}

// TakeTerminal makes a terminal the calling process's stdio, and its controlling terminal if it has
// to be.
func TakeTerminal(slave *os.File, controlling bool) error {
	for fd := range 3 {
		if err := unix.Dup2(int(slave.Fd()), fd); err != nil {
			return fmt.Errorf("duplicate the terminal to descriptor %d: %w", fd, err)
		}
	}
	if !controlling {
		return nil
	}
	if err := unix.IoctlSetInt(0, unix.TIOCSCTTY, 0); err != nil {
		return fmt.Errorf("make the terminal the controlling terminal: %w", err)
	}
	return nil
}

// Status derives a container's state from its first process: as long as that listens for start, it
// is the init process, and the container is created.
func Status(c *backends.Container) (specs.ContainerState, error) {
	if !c.Process.Alive() {
		return specs.StateStopped, nil
	}
	waits, err := Waits(c.Dir)
	if err != nil {
		return "", fmt.Errorf("get the state of container %q: %w", c.ID, err)
	}
	if waits {
		return specs.StateCreated, nil
	}
	// The process may have ended between the two checks.
	if !c.Process.Alive() {
		return specs.StateStopped, nil
	}
	return specs.StateRunning, nil
}
