//go:build linux && integration

package lifecycle

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPathsThroughLinks checks that berth resolves symbolic links in the paths of the state
// directory, the bundle and the root. Docker Engine's default --exec-root is below /var/run, which
// is a link. root.path "is either an absolute path or a relative path to the bundle" (config.md,
// "Root") and may contain links.
func TestPathsThroughLinks(t *testing.T) {
	t.Parallel()
	b := newBox(t, "echo in")
	dir := filepath.Dir(b.root)
	bundle, rootfs := b.bundle, filepath.Join(dir, "real")
	if isPeer() { // runc 1.1 refuses a link there
		rootfs = b.rootfs()
	} else {
		b.must1(os.Rename(b.rootfs(), rootfs))
		b.must1(os.Symlink("../real", b.rootfs()))
	}
	for name, target := range map[string]string{"to-bundle": "bundle", "here": "."} {
		b.must1(os.Symlink(target, filepath.Join(dir, name)))
	}
	b.bundle = filepath.Join(dir, "here/to-bundle")
	b.root = filepath.Join(dir, "here/run")
	b.create()
	if s := b.state(); s.Bundle != bundle || s.Rootfs != rootfs {
		t.Errorf("the bundle is %s and the root %s, want %s and %s", s.Bundle, s.Rootfs, bundle, rootfs)
	}
	b.start()
	if ws := b.wait(); ws != 0 || b.said("stdout") != "in\n" {
		t.Errorf("it ended with %#x, stdout %q, stderr %q", ws, b.said("stdout"), b.said("stderr"))
	}
	b.must("delete", b.id)
}
