//go:build testhost

package bundle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlatformIsChosen checks that from an image for several platforms the bundle gets the host's,
// or the one that --platform asks for.
func TestPlatformIsChosen(t *testing.T) {
	list, other := "localhost/berth-test/list", "localhost/berth-test/riscv"
	container := strings.TrimSpace(must(t, "buildah", "from", "--pull-never", imageName))
	must(t, "buildah", "config", "--arch", "riscv64", "--cmd", "other", container)
	must(t, "buildah", "commit", "--quiet", "--rm", container, other)
	must(t, "buildah", "manifest", "create", list)
	t.Cleanup(func() { must(t, "buildah", "manifest", "rm", list) })
	must(t, "buildah", "manifest", "add", list, "containers-storage:"+imageName)
	must(t, "buildah", "manifest", "add", list, "containers-storage:"+other)
	dir := t.TempDir()
	layout := "oci:" + filepath.Join(dir, "layout") + ":list"
	must(t, "buildah", "manifest", "push", "--quiet", "--all", list, layout)
	for name, c := range map[string]struct {
		flags []string
		last  string
		err   string
	}{
		"the host's": {nil, "echo done", ""},
		"asked for":  {[]string{"--platform", "linux/riscv64"}, "other", ""},
		"missing":    {[]string{"--platform", "linux/s390x"}, "", "no image for platform linux/s390x: the index has linux/"},
	} {
		bundle := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		words := append([]string{*program, "bundle", "-q"}, c.flags...)
		_, err := do(append(words, layout, bundle)...)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if args := readSpec(t, bundle).Process.Args; !strings.Contains(args[len(args)-1], c.last) {
			t.Errorf("%s: args %q", name, args)
		}
	}
}

// TestDamagedImageLeavesNothing checks that the error names the damaged file of the image, and that
// nothing of the bundle is left.
func TestDamagedImageLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	layout := filepath.Join(dir, "layout")
	must(t, "skopeo", "copy", "-q", "containers-storage:"+imageName, "oci:"+layout+":v1")
	blobs, err := filepath.Glob(layout + "/blobs/sha256/*")
	if err != nil {
		t.Fatal(err)
	}
	largest, size := "", int64(0)
	for _, blob := range blobs {
		if info, err := os.Stat(blob); err == nil && info.Size() > size {
			largest, size = blob, info.Size()
		}
	}
	whole, err := os.ReadFile(largest)
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), whole...)
	flipped[len(flipped)/2] ^= 1
	for name, data := range map[string][]byte{"damaged": flipped, "cut short": whole[:size/2]} {
		if err := os.WriteFile(largest, data, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := do(*program, "bundle", "-q", "oci:"+layout, filepath.Join(dir, "bundle"))
		if err == nil || !strings.Contains(err.Error(), filepath.Base(largest)) {
			t.Errorf("%s: error %v", name, err)
		}
		if names, _ := os.ReadDir(dir); len(names) != 1 {
			t.Errorf("%s: left: %v", name, names)
		}
	}
}
