//go:build linux && testhost

package freebsd

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

var (
	program  = suite.Berth() // built with the tag jailtest
	baseRoot = suite.Rootfs()
	standin  = flag.String("standin", "", "`path` of the stand-in")
)

func TestMain(m *testing.M) {
	s := suite.Suite{
		Name: "freebsd", SetUp: suite.Subreaper, Left: leftovers,
		Programs: func() []string { return []string{*standin} },
		Before: func() (err error) {
			if err := suite.OwnMounts(""); err != nil {
				return err
			}
			*standin, err = filepath.Abs(*standin)
			return err
		},
	}
	s.Main(m)
}

// leftovers lists processes and mounts that the tests left behind.
func leftovers() string {
	left := suite.LeftProcesses("berth-jailed")
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, suite.Dir()) {
			left += line
		}
	}
	return left
}
