//go:build linux && testhost

package crun

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/bundle"
	"github.com/berth-oci/berth/integration/suite"
)

// newBundle makes a bundle whose process is a shell script. The edits change its config.json.
func newBundle(t *testing.T, script string, edits ...func(*specs.Spec)) string {
	t.Helper()
	dir, err := os.MkdirTemp(suite.Dir(), "bundle")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := bundle.Template()
	s.Version = "1.0.2" // the oldest of the runtimes knows this version
	// The root is a copy because crun makes missing mount points even if the host's root is
	// read-only.
	suite.CopyTree(t, *baseRoot, filepath.Join(dir, "rootfs"))
	s.Root.Path = "rootfs"
	s.Process.Terminal = false
	s.Process.Args = []string{"sh", "-c", script}
	s.Process.Rlimits = nil
	// Containers with the same ID must not share a cgroup.
	s.Linux.CgroupsPath = "/" + filepath.Base(filepath.Dir(dir)) + "-" + filepath.Base(dir)
	for _, edit := range edits {
		edit(s)
	}
	suite.WriteJSON(t, filepath.Join(dir, "config.json"), s)
	return dir
}

// newRoot makes an empty state directory. Nothing of the other runtime may be left in it at the
// end.
func newRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(suite.Dir(), "run")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// At the latest now berth removes the record of a container that was run.
		if out, err := exec.Command(*program, "--root", dir, "list").CombinedOutput(); err != nil {
			t.Errorf("list: %v: %s", err, out)
		}
		for _, pattern := range []string{"*/*", "[^@]*"} {
			if left, _ := filepath.Glob(filepath.Join(dir, pattern)); len(left) > 0 && !t.Failed() {
				t.Errorf("left behind: %s", left)
			}
		}
		os.RemoveAll(dir)
	})
	return dir
}
