package stage

import (
	"context"
	"errors"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/hooks"
	"github.com/berth-oci/berth/backends/process"
)

// serve waits for start and execs; it does not return. Whoever calls and sends nothing only looked
// whether the container has been started.
func (s *stage) serve(p *process.Prepared) error {
	for {
		fd, _, err := unix.Accept4(s.start, unix.SOCK_CLOEXEC)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ECONNABORTED) {
			continue
		}
		if err != nil {
			os.Exit(1)
		}
		if n, err := unix.Read(fd, make([]byte, 1)); err != nil || n != 1 {
			unix.Close(fd)
			continue
		}
		// The connection takes the listening socket's place, whose number Exec
		// knows as one to keep until the exec.
		if err := unix.Dup3(fd, s.start, unix.O_CLOEXEC); err != nil {
			os.Exit(1)
		}
		unix.Close(fd)
		err = s.launch(p)
		_, _ = unix.Write(s.start, []byte(err.Error()))
		os.Exit(exitStatus(err))
	}
}

// launch returns only if the user's process cannot be run. The connection
// closes when it can.
func (s *stage) launch(p *process.Prepared) error {
	if err := hooks.Run(context.Background(), "startContainer", s.plan.StartContainer, s.state(specs.StateCreated)); err != nil {
		return err
	}
	return p.Exec()
}

// exitStatus is what a shell would exit with (sh(1)).
func exitStatus(err error) int {
	switch {
	case errors.Is(err, unix.ENOENT):
		return 127
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.ENOEXEC):
		return 126
	}
	return 1
}
