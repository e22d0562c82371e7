//go:build testhost

package bundle

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var (
	program  = flag.String("berth", "", "`path` of the berth to test")
	backends = flag.String("backends", "lxc,crun,pct", "backends that bundles are run on")
	base     = flag.String("base", "localhost/berth-test/busybox", "image that the test's image is made from")
)

// workDir holds image archives and bundles.
var workDir string

func TestMain(m *testing.M) {
	flag.Parse()
	if err := setUp(); err != nil {
		fmt.Fprintln(os.Stderr, "bundle tests:", err)
		os.RemoveAll(workDir)
		os.Exit(2)
	}
	status := m.Run()
	if err := os.RemoveAll(workDir); err != nil {
		fmt.Fprintln(os.Stderr, "bundle tests:", err)
		status = 1
	}
	os.Exit(status)
}

func setUp() error {
	if os.Geteuid() != 0 {
		return errors.New("they run as root")
	}
	abs, err := filepath.Abs(*program)
	if err != nil {
		return err
	}
	*program = abs
	for _, tool := range []string{*program, "podman", "buildah", "skopeo", "setcap", "setfattr", "tar"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("a needed program: %w", err)
		}
	}
	if workDir, err = os.MkdirTemp("/var/lib/containers", "berth-bundle-"); err != nil {
		return err
	}
	return makeImage()
}

// do runs a program and returns its stdout. The error contains its stderr.
func do(words ...string) (string, error) {
	cmd := exec.Command(words[0], words[1:]...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", strings.Join(words, " "), err, stderr.String())
	}
	return string(out), nil
}

// must runs a program that must succeed.
func must(t *testing.T, words ...string) string {
	t.Helper()
	out, err := do(words...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
