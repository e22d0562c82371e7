//go:build linux && testhost

package operate

import (
	"flag"
	"os"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

var (
	program  = suite.Berth()
	baseRoot = suite.Rootfs()
	backend  = flag.String("backend", "lxc", "its backend: lxc or pct")
	limits   = flag.Bool("limits", false, "the host has the cgroup controllers memory, cpu and pids: test limits too")
)

func TestMain(m *testing.M) {
	s := suite.Suite{
		Name: "operate", SetUp: suite.Subreaper, Left: leftovers,
		Programs: func() []string { return []string{"runc", "cp", "lxc-start"} },
	}
	s.Main(m)
}

// leftovers returns the processes that belong to berth, and the cgroup of its containers.
func leftovers() string {
	left := suite.LeftProcesses("@/stub-init", "berth-init")
	if _, err := os.Stat("/sys/fs/cgroup/berth"); err == nil {
		left += "the cgroup /berth\n"
	}
	return left
}
