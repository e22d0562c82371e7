package lxcsocket

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/cgroup"
)

// Attach makes the kernel refuse LXC's command sockets to all processes in the cgroup limits and in
// the cgroups below it, as long as that cgroup exists. The kernel goes by the cgroup in which a
// socket was made. Then Attach tests the programs with sockets that are made in the cgroup inner,
// which is limits or below it. It fails if they refuse too little or too much.
func (g *Guard) Attach(limits, inner *cgroup.Group) error {
	if err := g.attach(limits); err != nil {
		return err
	}
	stream, datagram, err := socketsIn(inner)
	if err != nil {
		return fmt.Errorf("make sockets in %s: %w", filepath.Join(cgroup.Mount, inner.Path()), err)
	}
	defer stream.Close()
	defer datagram.Close()
	return try(stream, datagram)
}

var (
	errNotRefused = errors.New("the kernel did not refuse an address like those of LXC's command sockets, although a BPF program refuses it")
	errAllRefused = errors.New("the kernel refused an address that is unlike those of LXC's command sockets")
)

// try calls addresses on which nobody listens, and checks which of them the kernel refuses.
func try(stream, datagram *os.File) error {
	nobody := "@" + rand.Text()
	for _, trial := range []struct {
		at      string
		refused bool
	}{
		{"@" + hashed + nobody[1:] + command, true},
		{"@/" + nobody[1:] + command, true},
		{"@" + hashed + nobody[1:], true},
		{nobody, false},
	} {
		at := &unix.SockaddrUnix{Name: trial.at}
		for _, err := range []error{
			unix.Connect(int(stream.Fd()), at),
			unix.Sendto(int(datagram.Fd()), nil, 0, at),
		} {
			switch {
			case trial.refused && !errors.Is(err, unix.EPERM):
				return fmt.Errorf("%w (%s: %v)", errNotRefused, trial.at, err)
			case !trial.refused && !errors.Is(err, unix.ECONNREFUSED):
				return fmt.Errorf("%w (%s: %v)", errAllRefused, trial.at, err)
			}
		}
	}
	return nil
}
