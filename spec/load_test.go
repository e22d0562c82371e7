package spec

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestEnginesConfigs checks that no config from an engine gives an Error, and which warnings each
// gives.
func TestEnginesConfigs(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		"cri-containerd-userns.json": {"warning linux.uidMappings: should not be set if linux.namespaces gives the user"},
		"cri-o.json":                 {"warning linux.rootfsPropagation: should be slave"},
		"podman5-systemd.json": {"warning mounts[5].options[5]: is empty", "warning mounts[6].options[5]: is empty",
			"warning mounts[13].options[5]: is empty", "warning mounts[16].options[5]: is empty", "warning linux.rootfsPropagation: should be slave"},
	}
	for name, data := range fixtures(t) {
		platform := Linux
		if strings.Contains(name, FreeBSD) {
			platform = FreeBSD
		}
		_, ps := Validate(data, platform)
		t.Run(name, func(t *testing.T) { expect(t, ps, want[name]...) })
	}
}

func TestValidateReportsOnce(t *testing.T) {
	t.Parallel()
	_, ps := Validate([]byte(`{"ociVersion":"1.0.2","root":{"path":5},"process":{"args":{},"cwd":"a","user":{"uid":0,"gid":0}}}`), Linux)
	expect(t, ps, "error root.path: must be a string", "error process.args: must be an array", "error process.cwd: absolute")
	if s, ps := Validate([]byte(`[]`), Linux); s != nil || len(ps) != 1 {
		t.Errorf("an array gives %v, %v", s, ps)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	bundle := func(t *testing.T, data string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ConfigFile), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	valid := strings.ReplaceAll(base, `"linux"`, `"other"`)
	t.Run("valid", func(t *testing.T) {
		s, data, warnings, err := Load(bundle(t, valid))
		if err != nil || s.Root.Path != "rootfs" || string(data) != valid {
			t.Errorf("got %+v, %s, %v", s, data, err)
		}
		if len(warnings) != 1 || warnings[0].Path != "other" || warnings[0].Ignored {
			t.Errorf("warnings: %+v", warnings)
		}
	})
	t.Run("a name in another case", func(t *testing.T) {
		_, _, warnings, err := Load(bundle(t, strings.Replace(base, `"linux"`, `"Linux"`, 1)))
		if err != nil || len(warnings) == 0 || warnings[0].Path != "Linux" || !warnings[0].Ignored {
			t.Errorf("%+v, %v", warnings, err)
		}
	})
	t.Run("symbolic link", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Symlink(filepath.Join(bundle(t, valid), ConfigFile), filepath.Join(dir, ConfigFile)); err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := Load(dir); err != nil {
			t.Error(err)
		}
	})
	t.Run("invalid", func(t *testing.T) {
		_, _, _, err := Load(bundle(t, `{"ociVersion":"1.0.2","process":{"args":["a"],"cwd":"x"}}`))
		var invalid *InvalidError
		if !errors.As(err, &invalid) || len(invalid.Problems) != 2 ||
			err.Error() != "invalid config.json: root: root must be specified (and 1 more: 'berth validate' lists them)" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("cut short", func(t *testing.T) {
		_, _, _, err := Load(bundle(t, `{"ociVersion":`))
		if err == nil || err.Error() != "invalid config.json: is not JSON: line 1, column 14: unexpected end of JSON input" {
			t.Errorf("got %v", err)
		}
	})
	for name, tt := range map[string]struct {
		prepare func(file string) error
		want    string
	}{
		"absent":    {func(string) error { return nil }, "JSON specification file config.json not found"},
		"directory": {func(f string) error { return os.Mkdir(f, 0o700) }, "not a regular file"},
		"FIFO":      {func(f string) error { return syscall.Mkfifo(f, 0o600) }, "not a regular file"},
		"too large": {func(f string) error { return errors.Join(os.WriteFile(f, nil, 0o600), os.Truncate(f, MaxSize+1)) }, "larger than 16 MiB"},
		"no bundle": {func(f string) error { return os.Remove(filepath.Dir(f)) }, "no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "b")
			if err := errors.Join(os.Mkdir(dir, 0o700), tt.prepare(filepath.Join(dir, ConfigFile))); err != nil {
				t.Fatal(err)
			}
			_, _, _, err := Load(dir)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			if name == "absent" && (!errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "no such file")) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	if runtime.GOOS != Linux {
		b.Fatal("podman.json is a config for Linux")
	}
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ConfigFile), fixtures(b)["podman.json"], 0o600); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, err := Load(dir); err != nil {
			b.Fatal(err)
		}
	}
}
