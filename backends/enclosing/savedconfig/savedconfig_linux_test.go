package savedconfig

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
)

// No list of flags and an empty list of flags are not the same.
func TestKeptSeccompFlags(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]specs.LinuxSeccompFlag{nil, {}, {specs.LinuxSeccompFlagLog}} {
		c := &backends.Container{ID: "x", Dir: t.TempDir()}
		s := &specs.Spec{Process: &specs.Process{}, Linux: &specs.Linux{Seccomp: &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Flags: flags}}}
		if err := Save(c, s, &backends.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		k, err := Load(c)
		if err != nil {
			t.Fatal(err)
		}
		if got := k.Linux.Seccomp.Flags; (got == nil) != (flags == nil) || len(got) != len(flags) {
			t.Errorf("%#v has become %#v", flags, got)
		}
	}
}

// Every format of the saved config so far can be read, and nothing else.
func TestKeptFormats(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/kept-format-*.json")
	if err != nil || len(files) != record.Format+1 {
		t.Fatalf("%v, %v", files, err)
	}
	c := &backends.Container{ID: "x", Dir: t.TempDir()}
	put := func(data []byte) {
		if err := os.WriteFile(filepath.Join(c.Dir, File), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		put(data)
		k, err := Load(c)
		if err != nil || len(k.Linux.Namespaces) != 6 || k.Process.Args[0] != "sleep" || k.Linux.Resources == nil {
			t.Errorf("%s: %+v, %v", file, k, err)
		}
		for edited, want := range map[string]string{
			string(data[:len(data)/2]):                               "damaged",
			strings.Replace(string(data), `"cwd":"/"`, `"cwd":7`, 1): "damaged",
			`{"format":2,"berth":"berth 9.9","process":{}}`:          "berth 9.9",
			"{}": "incomplete",
		} {
			put([]byte(edited))
			if k, err := Load(c); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), File) {
				t.Errorf("%s: %+v, %v", edited, k, err)
			}
		}
	}
}

// What exec and update need comes back as it was, and nothing else is kept.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	limit, score, umask := int64(1<<30), 7, uint32(0o77)
	s := &specs.Spec{
		Hostname: "x", Mounts: []specs.Mount{{Destination: "/x"}},
		Process: &specs.Process{Args: []string{"a", "b c"}, Cwd: "/", OOMScoreAdj: &score, User: specs.User{UID: 1, Umask: &umask},
			Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}}, Env: []string{"A=\x7f\u2028"}},
		Linux: &specs.Linux{
			Namespaces:   []specs.LinuxNamespace{{Type: specs.PIDNamespace, Path: "/x"}},
			Seccomp:      &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, ListenerPath: "/x"},
			Personality:  &specs.LinuxPersonality{Domain: specs.PerLinux32},
			MemoryPolicy: &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0"},
			Resources:    &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}, Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}}},
			MaskedPaths:  []string{"/x"}, CgroupsPath: "/x",
		},
	}
	c := &backends.Container{ID: "x", Dir: t.TempDir()}
	if err := Save(c, s, &backends.CreateOptions{NoNewKeyring: true}); err != nil {
		t.Fatal(err)
	}
	if len(s.Linux.Resources.Devices) != 1 {
		t.Error("config.json has lost its device rules")
	}
	want := &Config{Process: s.Process, NoNewKeyring: true, Linux: &specs.Linux{
		Namespaces: s.Linux.Namespaces, Seccomp: s.Linux.Seccomp, Personality: s.Linux.Personality, MemoryPolicy: s.Linux.MemoryPolicy,
		Resources: &specs.LinuxResources{Memory: s.Linux.Resources.Memory},
	}}
	k, err := Load(c)
	if err != nil || !reflect.DeepEqual(k, want) {
		t.Fatalf("%+v, %v, want %+v", k, err, want)
	}
	if got := k.Spec(); got.Linux != k.Linux || got.Process != nil {
		t.Errorf("as a spec: %+v", got)
	}
	// An update replaces the file, which only root can read.
	k.Linux.Resources = nil
	if err := k.Write(c); err != nil {
		t.Fatal(err)
	}
	if again, err := Load(c); err != nil || !reflect.DeepEqual(again, k) {
		t.Errorf("after an update: %+v, %v", again, err)
	}
	info, err := os.Stat(filepath.Join(c.Dir, File))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if left, err := os.ReadDir(c.Dir); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

// A file with the right sum can still be one that berth has not written.
func TestHostileContents(t *testing.T) {
	t.Parallel()
	c := &backends.Container{ID: "x", Dir: t.TempDir()}
	if k, err := Load(c); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %+v, %v", k, err)
	}
	process, linux := map[string]any{"cwd": "/"}, map[string]any{}
	for name, v := range map[string]map[string]any{
		"without process":  {"linux": linux},
		"without linux":    {"process": process},
		"null":             {"process": nil, "linux": linux},
		"a further field":  {"process": process, "linux": linux, "other": 1},
		"one further down": {"process": map[string]any{"cwd": "/", "other": 1}, "linux": linux},
		"another type":     {"process": process, "linux": map[string]any{"namespaces": map[string]any{}}},
		"a large number":   {"process": map[string]any{"oomScoreAdj": 1e30}, "linux": linux},
	} {
		data, err := record.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(c.Dir, File), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if k, err := Load(c); !errors.Is(err, record.ErrDamaged) || !strings.Contains(err.Error(), `the saved config of container "x": `) {
			t.Errorf("%s: %+v, %v", name, k, err)
		}
	}
}
