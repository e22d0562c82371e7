package lxcsocket

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/osthread"
)

// ownNetwork is the network namespace of the calling thread. /proc/self is the main thread, which
// can be in another namespace for a while.
const ownNetwork = "/proc/thread-self/ns/net"

// Home names the network namespace ns, an nsfs file, if monitors run in it: it is berth's own or
// process 1's. For any other network namespace it returns "".
func Home(ns *os.File) (string, error) {
	info, err := ns.Stat()
	if err != nil {
		return "", err
	}
	for _, home := range []struct{ path, name string }{{ownNetwork, "berth's own"}, {"/proc/1/ns/net", "that of process 1"}} {
		other, err := os.Stat(home.path)
		if err != nil {
			return "", err
		}
		if os.SameFile(info, other) {
			return home.name, nil
		}
	}
	return "", nil
}

// errElsewhere says that a monitor must not listen in berth's network namespace.
var errElsewhere = errors.New("berth runs in another network namespace than process 1, where containers could reach LXC's command socket: run berth in the network namespace of process 1")

// CheckHome returns an error if a container could reach a monitor that berth starts: [Load] fails,
// and berth is not in the network namespace of process 1. If [Load] fails, berth lets no container
// into that namespace that could use LXC's command sockets there.
func CheckHome() error {
	own, err1 := os.Stat(ownNetwork)
	first, err2 := os.Stat("/proc/1/ns/net")
	if err1 == nil && err2 == nil && os.SameFile(own, first) {
		return nil
	}
	g, err := Load()
	if err != nil {
		return fmt.Errorf("%w; %w", errElsewhere, err)
	}
	g.Close()
	return nil
}

// Monitors returns the abstract addresses in the form of LXC's on which somebody listens in the
// network namespace ns, an nsfs file.
func Monitors(ns *os.File) (list []string, err error) {
	err = osthread.Run(func() error {
		err := osthread.Join(ns, unix.CLONE_NEWNET)
		if err == nil {
			list, err = monitors("/proc/thread-self/net/unix")
		}
		return err
	})
	return list, err
}

// monitors parses a file in the format of /proc/net/unix (proc_pid_net(5)).
func monitors(file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		_, name, abstract := strings.Cut(lines.Text(), " @")
		if abstract && IsMonitors(name) {
			list = append(list, name)
		}
	}
	return list, lines.Err()
}
