package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-oci/berth/bundle"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// makeBundle writes a bundle whose config.json is the template after change.
func makeBundle(t *testing.T, change func(*specs.Spec)) string {
	t.Helper()
	s := bundle.Template()
	change(s)
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "rootfs"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*specs.Spec)
		args   []string
		status int
		want   []string
	}{
		"template":   {func(*specs.Spec) {}, nil, 0, []string{"valid: 0 errors, 0 warnings\n"}},
		"no program": {func(s *specs.Spec) { s.Process.Args = nil }, nil, 1, []string{"error: process.args: ", "[config.md#process]", "not valid: 1 error, 0 warnings"}},
		"no rootfs":  {func(s *specs.Spec) { s.Root.Path = "elsewhere" }, nil, 1, []string{"error: root.path: ", "does not exist"}},
		"no source": {func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/x", Type: "bind", Source: "elsewhere", Options: []string{"rbind", "ro"}})
		}, nil, 1, []string{"/elsewhere\" does not exist", "[config.md#mounts]", "].source: ", "not valid: 1 error, 0 warnings"}},
		"warning": {func(s *specs.Spec) { s.Version = "1.0.2"; s.Domainname = "d" }, nil, 0, []string{"warning: domainname: was added in version 1.1.0", "valid: 0 errors, 1 warning\n"}},
		"json": {func(s *specs.Spec) { s.Mounts[1].Destination = "" }, []string{"--json"}, 1,
			[]string{`"valid": false`, `"path": "mounts[1].destination"`, `"url": "https://github.com/opencontainers/runtime-spec/`}},
		"jail":            {func(s *specs.Spec) { s.FreeBSD = &specs.FreeBSD{Jail: &specs.FreeBSDJail{Ip4: "never"}} }, []string{"--backend", "jail"}, 1, []string{"error: freebsd.jail.ip4: "}},
		"no such backend": {func(*specs.Spec) {}, []string{"--backend=docker"}, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			out, status := output(t, append(append([]string{"berth", "validate"}, c.args...), makeBundle(t, c.change))...)
			if status != c.status {
				t.Errorf("exit status %d, not %d", status, c.status)
			}
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
		})
	}
}

// output runs a berth command line in this process. It returns stdout and the exit status.
func output(t *testing.T, args ...string) (string, int) {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "stdout")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stdout := os.Stdout
	os.Stdout = file
	status := Run(args)
	os.Stdout = stdout
	data, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(data), status
}
