//go:build linux && testhost

package bundle

import (
	"flag"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

var (
	program  = suite.Berth()
	backends = flag.String("backends", "lxc,crun,pct", "backends that bundles are run on")
	base     = flag.String("base", "localhost/berth-test/busybox", "image that the test's image is made from")
)

// TestMain has image archives and bundles in the suite's directory.
func TestMain(m *testing.M) {
	s := suite.Suite{
		Name: "bundle", Parent: "/var/lib/containers", SetUp: makeImage,
		Programs: func() []string { return []string{"podman", "buildah", "skopeo", "setcap", "setfattr", "tar"} },
	}
	s.Main(m)
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
