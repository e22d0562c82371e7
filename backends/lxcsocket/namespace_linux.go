package lxcsocket

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/process"
)

// ownNetwork is the network namespace of the calling thread. /proc/self is the main thread,
// which can be elsewhere for a while.
const ownNetwork = "/proc/thread-self/ns/net"

// Home says which network namespace a file of nsfs is, if it is one in which monitors
// run: berth's own, or that of process 1; else it is "".
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

// errElsewhere is why a monitor must not listen in the network namespace of berth.
var errElsewhere = errors.New("berth runs in another network namespace than process 1, and LXC's command socket would be in reach of the containers there: call berth in that of process 1")

// CheckHome returns an error if a monitor that berth starts could be in reach of a
// container: [Load] fails, and berth is not in the network namespace of process 1, which
// no container is let into then.
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

// Monitors are the abstract addresses like those of LXC's on which somebody listens in
// a network namespace, a file of nsfs.
func Monitors(ns *os.File) (list []string, err error) {
	process.OnThread(func() {
		if err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			err = fmt.Errorf("enter the network namespace %s: setns: %w", ns.Name(), err)
			return
		}
		list, err = monitors("/proc/thread-self/net/unix")
	})
	return list, err
}

// monitors reads a file as /proc/net/unix (proc_pid_net(5)).
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
