package bundle

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/berth-oci/berth/spec"
)

// Both paths are found once, whatever links lead to them.
func TestLoadThroughLinks(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	config := `{"ociVersion":"1.0.2","root":{"path":"rootfs"},"process":{"cwd":"/","args":["x"],"user":{"uid":0,"gid":0}},"linux":{"namespaces":[{"type":"mount"}]}}`
	for _, err := range []error{
		os.MkdirAll(at("b"), 0o755), os.Mkdir(at("real root"), 0o755),
		os.Symlink("b", at("link")), os.Symlink("../real root", at("b/rootfs")),
		os.WriteFile(at("b/config.json"), []byte(config), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := Load(at("link"))
	if err != nil {
		t.Fatal(err)
	}
	validated, problems, err := Validate(at("link"), spec.Linux)
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	for name, b := range map[string]*Bundle{"Load": loaded, "Validate": validated} {
		if b.Dir != at("b") || b.Rootfs != at("real root") || b.Spec.Root.Path != b.Rootfs {
			t.Errorf("%s: the bundle is %s, the root %s and %s", name, b.Dir, b.Rootfs, b.Spec.Root.Path)
		}
	}
	if _, err := Load(at("absent")); err == nil {
		t.Error("a bundle that is not there")
	}
}
