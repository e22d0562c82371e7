//go:build linux && testhost

package crun

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

var (
	program  = suite.Berth()
	baseRoot = suite.Rootfs()
	list     = flag.String("backends", "crun,runc", "backends that can work here, among which rules choose")
	cost     = flag.Bool("cost", false, "measure what berth costs")
)

// runtimes are the runtimes that berth is compared with.
var runtimes = []string{"crun", "runc"}

func TestMain(m *testing.M) {
	s := suite.Suite{
		Name:     "crun",
		Parent:   "/dev/shm", // in memory, like a real state directory
		Programs: func() []string { return slices.Clone(runtimes) },
		Before:   oneCgroupVersion,
		SetUp:    suite.Subreaper,
	}
	s.Main(m)
}

// oneCgroupVersion moves the tests to a mount namespace without cgroup v2 if the host has both
// versions. crun refuses a mixture.
func oneCgroupVersion() error {
	const hybrid = "/sys/fs/cgroup/unified"
	if _, err := os.Stat(hybrid + "/cgroup.procs"); err != nil {
		return nil
	}
	return suite.OwnMounts("umount " + hybrid)
}

func backendNames() []string { return strings.Split(*list, ",") }
