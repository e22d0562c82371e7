package bundle

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// Load and Validate resolve the bundle and its root file system, even if symbolic links lead to
// both.
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

// Files that config.json names on the host are reported if they do not exist. Sources of mounts
// that are not bind mounts, and paths in the container, are not checked.
func TestAbsent(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.Mkdir(at("rootfs"), 0o755), os.WriteFile(at("file"), nil, 0o644), os.Symlink("nowhere", at("dangling")), os.Symlink("loop", at("loop")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	bind := func(source string, options ...string) specs.Mount {
		return specs.Mount{Destination: "/x", Type: "bind", Source: source, Options: append(options, "rbind")}
	}
	hook := func(paths ...string) (list []specs.Hook) {
		for _, p := range paths {
			list = append(list, specs.Hook{Path: p})
		}
		return list
	}
	for _, tt := range []struct {
		name string
		edit func(*specs.Spec)
		want []string // the levels and paths of the problems
	}{
		{"all there", func(s *specs.Spec) {
			s.Mounts = []specs.Mount{bind("file"), bind(at("file")), bind(dir), {Destination: "/t", Type: "tmpfs", Source: "nosuch"}}
			s.Hooks = &specs.Hooks{CreateRuntime: hook(at("file")), StartContainer: hook("/nosuch")}
		}, nil},
		{"relative", func(s *specs.Spec) { s.Mounts = []specs.Mount{bind("file"), bind("nosuch")} }, []string{"error mounts[1].source"}},
		{"absolute", func(s *specs.Spec) { s.Mounts = []specs.Mount{bind("/nosuch/x"), bind("file")} }, []string{"error mounts[0].source"}},
		{"below a file", func(s *specs.Spec) { s.Mounts = []specs.Mount{bind("file/x")} }, []string{"error mounts[0].source"}},
		{"of another type, by option", func(s *specs.Spec) {
			s.Mounts = []specs.Mount{{Destination: "/x", Type: "none", Source: "nosuch", Options: []string{"bind"}}}
		}, []string{"error mounts[0].source"}},
		{"by type alone", func(s *specs.Spec) { s.Mounts = []specs.Mount{{Destination: "/x", Type: "bind", Source: "nosuch"}} },
			[]string{"warning mounts[0].type", "error mounts[0].source"}},
		{"links", func(s *specs.Spec) { s.Mounts = []specs.Mount{bind("dangling"), bind("loop")} }, []string{"error mounts[0].source", "error mounts[1].source"}},
		{"links that are meant", func(s *specs.Spec) {
			s.Mounts = []specs.Mount{bind("dangling", "src-nofollow"), bind("loop", "copy-symlink")}
		}, nil},
		{"hooks", func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{CreateRuntime: hook(at("file"), "/nosuch"), Poststart: hook("/nosuch"), Poststop: hook("/nosuch")}
		}, []string{"error hooks.createRuntime[1].path", "error hooks.poststart[0].path", "warning hooks.poststop[0].path"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &specs.Spec{Version: "1.2.0", Root: &specs.Root{Path: "rootfs"}, Process: &specs.Process{Args: []string{"x"}, Cwd: "/"}, Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: "mount"}}}}
			tt.edit(s)
			data, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at("config.json"), data, 0o644); err != nil {
				t.Fatal(err)
			}
			_, problems, err := Validate(dir, spec.Linux)
			var got []string
			for _, p := range problems {
				got = append(got, p.Level.String()+" "+p.Path)
			}
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, %v; want %q", problems, err, tt.want)
			}
			if _, problems, _ := Validate(dir, spec.FreeBSD); slices.ContainsFunc(problems, func(p spec.Problem) bool { return strings.HasPrefix(p.Path, "hooks") }) && runtime.GOOS == spec.Linux {
				t.Errorf("of another host's bundle: %q", problems)
			}
		})
	}
}
