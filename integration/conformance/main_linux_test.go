//go:build linux && integration

package conformance

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
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

// workDir is the tests' temporary directory. It is below /var/lib/containers, which is in memory
// and allows device nodes.
var workDir string

func TestMain(m *testing.M) {
	flag.Parse()
	// Under nohup(1) SIGHUP is ignored, and runc passes that on to its container. Processes that a
	// Go program starts get the default for each signal that the program catches.
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP)
	err := setUp()
	status := 1
	if err == nil {
		status = m.Run()
	}
	if err = errors.Join(err, os.RemoveAll(workDir)); err != nil {
		fmt.Fprintln(os.Stderr, "conformance tests:", err)
		status = 1
	}
	os.Exit(status)
}

// setUp moves the tests into their own mount namespace and creates workDir. It fails if anything
// that the tests need is missing, so that no test is left out unnoticed.
func setUp() (err error) {
	if os.Geteuid() != 0 {
		return errors.New("they run as root, on a test host")
	}
	if _, err := os.Stat("/usr/share/berth-test/rootfs"); err != nil {
		return fmt.Errorf("this is no test host, and they make containers in the host's own namespaces: %w", err)
	}
	if err := ownMounts(); err != nil {
		return fmt.Errorf("a mount namespace of their own: %w", err)
	}
	needed := append(strings.Split(*runtimes, ","), "unshare", "tar")
	for _, pair := range pairList() {
		needed = append(needed, pair[0], pair[1])
	}
	for _, tool := range needed {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("a needed program: %w", err)
		}
	}
	if *programs, err = filepath.Abs(*programs); err != nil {
		return err
	}
	unix.Umask(0o022)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	if workDir, err = os.MkdirTemp("/var/lib/containers", "berth-conformance-"); err != nil {
		return err
	}
	return os.Chmod(workDir, 0o755)
}

// ownMounts executes this program again in its own mount namespace. Some trials have no mount
// namespace, and their mounts go away with this one.
func ownMounts() error {
	const marker = "BERTH_CONFORMANCE_MOUNTS"
	if os.Getenv(marker) != "" {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		return err
	}
	return unix.Exec(unshare, append([]string{"unshare", "--mount", "--propagation", "private", self}, os.Args[1:]...), append(os.Environ(), marker+"=1"))
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
