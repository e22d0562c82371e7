//go:build linux && integration

package lifecycle

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

var (
	program  = suite.Berth()
	baseRoot = suite.Rootfs()
	backend  = flag.String("backend", "lxc", "its backend: lxc or pct; runc if -berth is that peer")
	seed     = flag.Int64("seed", 0, "of the random moments (0: from the clock)")
	rounds   = flag.Int("rounds", 60, "containers of the soak, and kills of the crash test")
)

func TestMain(m *testing.M) {
	if marker := os.Getenv(spyEnv); marker != "" {
		spy(marker)
	}
	if os.Getenv(stopperEnv) != "" {
		stopAll()
	}
	if how := os.Getenv(tracerEnv); how != "" {
		tracer(how)
	}
	if what, ok := os.LookupEnv(callerEnv); ok {
		caller(what)
	}
	if os.Getenv(noBPFEnv) != "" {
		withoutBPF()
	}
	var before census
	var etc string
	s := suite.Suite{Name: "lifecycle", Programs: needs, Before: checkHost}
	s.SetUp = func() error {
		suite.ReapAlways()
		before, etc = takeCensus(), hashEtc()
		return suite.Subreaper()
	}
	s.Left = func() (left string) {
		if !isPeer() {
			left = before.leftovers()
		}
		if hashEtc() != etc {
			left += "  a change of the host's /etc\n"
		}
		return left
	}
	s.Main(m)
}

func hashEtc() string { return hashTree("/etc", "/etc/pve", "/etc/pve-standin.json") }

// needs returns the programs that the tests call.
func needs() []string {
	switch *backend {
	case "lxc":
		return []string{"cp", "crun", "lxc-start", "lxc-info", "lxc-stop"}
	case "pct":
		return []string{"cp", "crun", "lxc-start", "pct"}
	}
	return []string{"cp", "crun"}
}

// checkHost fails if the host has not what the backend needs.
func checkHost() error {
	switch *backend {
	case "lxc", "runc":
	case "pct":
		if _, err := os.Stat("/etc/pve/.vmlist"); err != nil {
			return fmt.Errorf("this is no Proxmox VE node, and the stand-in is not installed: %w", err)
		}
	default:
		return fmt.Errorf("-backend %q: it is lxc, pct or runc", *backend)
	}
	var st unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &st); err != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
		return errors.Join(errors.New("/sys/fs/cgroup is not cgroup v2 alone"), err)
	}
	return nil
}

func isPeer() bool { return *backend == "runc" }

// berthOnly skips a test when a peer runs in berth's place.
func berthOnly(t *testing.T) {
	t.Helper()
	if isPeer() {
		t.Skip("about berth itself, and the program is ", *backend)
	}
}

// pctOnly skips a test of Proxmox VE on another backend.
func pctOnly(t *testing.T) {
	t.Helper()
	if *backend != "pct" {
		t.Skip("about Proxmox VE, and the backend is ", *backend)
	}
}
