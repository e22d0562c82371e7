//go:build linux

package engines

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

var mountTests = []test[*podman]{
	{"-v rw", func(t *testing.T, p *podman) {
		dir := hostDir(t)
		p.must("run", "--rm", "--name", p.name(), "-v", dir+":/data", image, "sh", "-c", "cat /data/file; echo inside >/data/new")
		if data, err := os.ReadFile(dir + "/new"); string(data) != "inside\n" {
			t.Errorf("%q, %v", data, err)
		}
	}},
	{"-v ro", func(t *testing.T, p *podman) {
		dir := hostDir(t)
		r := p.run("run", "--rm", "--name", p.name(), "-v", dir+":/data:ro", image, "sh", "-c", "cat /data/file; echo inside >/data/new")
		if r.stdout != "of the host" || !strings.Contains(r.stderr, "Read-only file system") || r.status == 0 {
			t.Errorf("%+v", r)
		}
	}},
	{"-v of a file, deep in directories that are not there", func(t *testing.T, p *podman) {
		dir := hostDir(t)
		if got := p.must("run", "--rm", "--name", p.name(), "-v", dir+"/file:/a/b/c/file", image, "cat", "/a/b/c/file"); got != "of the host" {
			t.Errorf("%q", got)
		}
	}},
	{"-v with options", func(t *testing.T, p *podman) {
		dir := hostDir(t)
		got := p.must("run", "--rm", "--name", p.name(), "-v", dir+":/data:noexec,nosuid,nodev", image, "grep", " /data ", "/proc/mounts")
		for _, o := range []string{"noexec", "nosuid", "nodev"} {
			if !strings.Contains(got, o) {
				t.Errorf("no %s: %s", o, got)
			}
		}
	}},
	{"-v ro of a tree with mounts in it", func(t *testing.T, p *podman) {
		dir := hostDir(t)
		mount(t, "tmpfs", dir+"/sub", "tmpfs", 0)
		r := p.run("run", "--rm", "--name", p.name(), "-v", dir+":/data:rbind,ro", image, "sh", "-c", "echo x >/data/sub/new && echo written; echo x >/data/new")
		// ro is not recursive (mount_setattr(2)), so every runtime behaves like this.
		if r.stdout != "written\n" || r.status == 0 {
			t.Errorf("%+v", r)
		}
	}},
	{"-v rshared", func(t *testing.T, p *podman) {
		dir := hostDir(t)
		mount(t, dir, dir, "", syscall.MS_BIND)
		mount(t, "", dir, "", syscall.MS_SHARED)
		id := p.sleeper("-v", dir+":/data:rshared")
		p.logs(id, "ready")
		mount(t, "tmpfs", dir+"/sub", "tmpfs", 0)
		if _, err := os.Stat(filepath.Join("/proc", p.ask(id, ".State.Pid"), "root/data/sub/inner")); err == nil {
			t.Fatal("there before it is made")
		}
		if err := os.WriteFile(dir+"/sub/inner", nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join("/proc", p.ask(id, ".State.Pid"), "root/data/sub/inner")); err != nil {
			t.Errorf("the host's later mount does not reach the container: %v", err)
		}
	}},
	{"the host's later mounts stay out", func(t *testing.T, p *podman) {
		dir := hostDir(t)
		id := p.sleeper("-v", dir+":/data")
		p.logs(id, "ready")
		mount(t, "tmpfs", dir+"/sub", "tmpfs", 0)
		if err := os.WriteFile(dir+"/sub/inner", nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join("/proc", p.ask(id, ".State.Pid"), "root/data/sub/inner")); err == nil {
			t.Error("they reach it")
		}
	}},
	{"a named volume", func(t *testing.T, p *podman) {
		volume := p.name() + "-volume"
		t.Cleanup(func() { p.must("volume", "rm", "--force", volume) })
		p.must("run", "--rm", "--name", p.name(), "-v", volume+":/etc", image, "sh", "-c", "echo kept >/etc/kept")
		if got := p.must("run", "--rm", "--name", p.name(), "-v", volume+":/v:ro", image, "sh", "-c", "cat /v/kept; grep -c ^user: /v/passwd"); got != "kept\n1" {
			t.Errorf("%q", got)
		}
	}},
	{"an overlay volume", func(t *testing.T, p *podman) {
		dir := hostDir(t)
		if got := p.must("run", "--rm", "--name", p.name(), "-v", dir+":/data:O", image, "sh", "-c", "cat /data/file; echo >/data/new; ls /data/new"); got != "of the host/data/new" {
			t.Errorf("%q", got)
		}
		if _, err := os.Stat(dir + "/new"); err == nil {
			t.Error("it wrote to the host's directory")
		}
	}},
}

// hostDir returns a new directory on the host, which contains a file and a directory.
func hostDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/sub", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/file", []byte("of the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// mount mounts a file system on the host until the test ends.
func mount(t *testing.T, source, target, kind string, flags uintptr) {
	t.Helper()
	if err := syscall.Mount(source, target, kind, flags, ""); err != nil {
		t.Fatalf("mount %s: %v", target, err)
	}
	if source != "" {
		t.Cleanup(func() {
			if err := syscall.Unmount(target, syscall.MNT_DETACH); err != nil {
				t.Errorf("unmount %s: %v", target, err)
			}
		})
	}
}
