package lxcconf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestConfigRefusesControlCharacters checks that no value can become a second line or another key.
func TestConfigRefusesControlCharacters(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"a\nlxc.hook.stop = /bin/sh", "a\rb", "a\x00b", "a\x1bb", "a\x7fb", " a", "a ", "\ta"} {
		c := &Config{}
		c.Set("lxc.uts.name", value)
		path := filepath.Join(t.TempDir(), "c")
		if err := c.Write(path); err == nil {
			t.Errorf("%q was written", value)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%q: a file was left", value)
		}
	}
}

func TestConfigLines(t *testing.T) {
	t.Parallel()
	c := &Config{}
	c.Clear("lxc.idmap")
	c.Set("lxc.uts.name", "a = b # c")
	c.IDMap([]specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}, []specs.LinuxIDMapping{{ContainerID: 0, HostID: 5, Size: 1}})
	path := filepath.Join(t.TempDir(), "c")
	if err := c.Write(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	want := "lxc.idmap =\nlxc.uts.name = a = b # c\nlxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 5 1\n"
	if err != nil || string(data) != want {
		t.Errorf("%q, want %q (%v)", data, want, err)
	}
}

func TestCheckPath(t *testing.T) {
	t.Parallel()
	for path, valid := range map[string]bool{
		"/run/berth/a_b+c.d-9": true, "/run/containerd/runc/k8s.io/x": true,
		"/run/a b": false, "/run/a\nb": false, "/run/$(id)": false, "/run/a'b": false, "/run/a;b": false, "/run/a`b": false, "/run/a%b": false,
	} {
		if err := CheckPath(path); valid != (err == nil) {
			t.Errorf("%q: %v, want valid: %v", path, err, valid)
		}
	}
}

func TestLogErrors(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	log := strings.Join([]string{
		"lxc-start c 20261122 ERROR    start - ../src/lxc/start.c:lxc_spawn:1780 - No such file or directory - Failed to open /proc/1/ns/pid",
		"lxc-start c 20261122 INFO     start - ../src/lxc/start.c:x:1 - noise",
		"lxc-start c 20261122 ERROR    start - ../src/lxc/start.c:y:2 - second",
	}, "\n")
	if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := Said(path, ""), "No such file or directory - Failed to open /proc/1/ns/pid; second"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Said(path+"x", ""); got != "" {
		t.Errorf("of no file: %q", got)
	}
}

// TestCheckCgroup checks that a path is refused if LXC would read another one from its
// configuration.
func TestCheckCgroup(t *testing.T) {
	t.Parallel()
	for path, good := range map[string]bool{
		"/a/b": true, "/a b/c d": true, "/a\"b": true, "/.x": true,
		"/a..b": false, "/ a": false, "/a ": false, "/a\t": false, "/\"a\"": false, "/'a'": false, "/a'": false,
	} {
		if err := CheckCgroup(path); (err == nil) != good || err != nil && !strings.HasPrefix(err.Error(), "linux.cgroupsPath: ") {
			t.Errorf("%q: %v", path, err)
		}
	}
}
