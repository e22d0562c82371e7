package savedconfig

import (
	"os"
	"path/filepath"
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
