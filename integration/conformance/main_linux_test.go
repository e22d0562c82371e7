//go:build linux && integration

package conformance

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

var (
	runtimes = flag.String("runtimes", "runc,crun,berth-lxc", "`programs` on PATH to compare: first those that set the measure")
	pairs    = flag.String("pairs", "", "`a=b,…`: programs whose results must not differ at all")
	probe    = flag.String("probe", "", "the `program` of integration/conformance/probe")
	docs     = flag.String("docs", "", "docs/conformance.md, which must be what the tests find")
	only     = flag.String("only", "", "the trials with this `text` in their names alone")
	every    = flag.Int("every", 1, "one of how many trials")
	update   = flag.Bool("update", false, "write it")
	programs = flag.String("programs", "", "`directory` with the validation programs, runtimetest and its root file system")
)

func TestMain(m *testing.M) {
	// Under nohup(1) SIGHUP is ignored, and runc passes that on to its container. Processes that a
	// Go program starts get the default for each signal that the program catches.
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP)
	s := suite.Suite{
		Name:     "conformance",
		Parent:   "/var/lib/containers", // in memory, and it allows device nodes
		Programs: needs,
		Before:   before,
		SetUp:    suite.Subreaper,
	}
	s.Main(m)
}

// before moves the tests into a mount namespace of their own. Some trials have none, and their
// mounts go away with this one.
func before() (err error) {
	if _, err := os.Stat("/usr/share/berth-test/rootfs"); err != nil {
		return fmt.Errorf("this is no test host, and they make containers in the host's own namespaces: %w", err)
	}
	if err := suite.OwnMounts(""); err != nil {
		return fmt.Errorf("a mount namespace of their own: %w", err)
	}
	*programs, err = filepath.Abs(*programs)
	return err
}

// needs returns the programs that the tests call.
func needs() []string {
	list := append(strings.Split(*runtimes, ","), "unshare", "tar")
	for _, pair := range pairList() {
		list = append(list, pair[0], pair[1])
	}
	return list
}

// pairList returns the pairs of -pairs.
func pairList() (list [][2]string) {
	for pair := range strings.SplitSeq(*pairs, ",") {
		if a, b, ok := strings.Cut(pair, "="); ok {
			list = append(list, [2]string{a, b})
		}
	}
	return list
}

// isOurs is true if a runtime makes its containers with berth's own code. The other runtimes set
// the standard for it.
func isOurs(runtime string) bool {
	return strings.HasPrefix(runtime, "berth")
}
