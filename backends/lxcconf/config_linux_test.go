package lxcconf

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/spec"
)

// TestConfigRefusesControlCharacters checks that no value can become a second line or another key,
// that nothing is written then, and that the error names the field that the value comes from.
func TestConfigRefusesControlCharacters(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	for _, value := range []string{
		"a\nlxc.hook.stop = /bin/sh", "a\rb", "a\x00b", "a\x1bb", "a\x7fb", "\n", "a\n", long + "\n",
		" a", "a ", "\ta", "a\t", " ", "\u00a0a", "\u2028",
	} {
		c := &Config{}
		c.From("hostname").Set("lxc.uts.name", value)
		c.Set("lxc.tty.max", "0")
		path := filepath.Join(t.TempDir(), "c")
		err := c.Write(path)
		var field *spec.FieldError
		if !errors.As(err, &field) || field.Path != "hostname" || !strings.Contains(err.Error(), "lxc.uts.name") {
			t.Errorf("%.50q: error %v", value, err)
		} else if len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\n\r\x00\x1b") {
			t.Errorf("%.50q: error %.2000q", value, err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%.50q: a file was left (%v)", value, err)
		}
	}
}

// TestConfigKeepsTheFirstError checks that later lines do not hide why one could not be added.
func TestConfigKeepsTheFirstError(t *testing.T) {
	t.Parallel()
	c := &Config{}
	c.Set("lxc.first", "a\n")
	c.Set("lxc.second", "b\n")
	if _, err := c.Lines(); err == nil || !strings.Contains(err.Error(), "lxc.first") {
		t.Errorf("%v", err)
	}
}

func TestConfigLines(t *testing.T) {
	t.Parallel()
	c := &Config{}
	c.Clear("lxc.idmap")
	c.From("linux.cgroupsPath").Set("lxc.cgroup.dir.container", "a = b # c")
	c.Set("lxc.tty.max", "0") // From is for one line
	c.Setf("lxc.signal.halt", "%d", 15)
	c.IDMap(
		[]specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}, {ContainerID: 65536, HostID: 7, Size: 1}},
		[]specs.LinuxIDMapping{{ContainerID: 0, HostID: 5, Size: 4294967295}},
	)
	want := []backends.Line{
		{Text: "lxc.idmap ="},
		{Text: "lxc.cgroup.dir.container = a = b # c", From: "linux.cgroupsPath"},
		{Text: "lxc.tty.max = 0"},
		{Text: "lxc.signal.halt = 15"},
		{Text: "lxc.idmap = u 0 100000 65536", From: "linux.uidMappings[0]"},
		{Text: "lxc.idmap = u 65536 7 1", From: "linux.uidMappings[1]"},
		{Text: "lxc.idmap = g 0 5 4294967295", From: "linux.gidMappings[0]"},
	}
	got, err := c.Lines()
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, want %v (%v)", got, want, err)
	}
}

func TestConfigWrite(t *testing.T) {
	t.Parallel()
	c := &Config{}
	c.Clear("lxc.net")
	c.Set("lxc.uts.name", "a")
	path := filepath.Join(t.TempDir(), "c")
	if err := c.Write(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if want := "lxc.net =\nlxc.uts.name = a\n"; err != nil || string(data) != want {
		t.Errorf("%q, want %q (%v)", data, want, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v (%v)", info.Mode(), err)
	}
	if err := c.Write(filepath.Join(path, "c")); err == nil || !strings.HasPrefix(err.Error(), "write LXC's configuration: ") {
		t.Errorf("below a file: %v", err)
	}
}

// TestReadByLXC checks that LXC reads each value that Set accepts as it was given, and that the next
// line is still a line of its own.
func TestReadByLXC(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"a word":             "a",
		"blanks inside":      "a  b\tc",
		"an assignment":      "lxc.uts.name = x",
		"a comment":          "# x",
		"a shell's language": `$(id) ${HOME} ; | & * ? ~ \n \ !`,
		"quotes inside":      `a "b" 'c'`,
		"a hook":             Hook(`echo "x" >y; exit 0`),
		"other scripts":      "überall ☃",
		"no UTF-8":           "a\xff\xfeb",
		"a long line":        strings.Repeat("long ", 100_000) + "end",
	} {
		c := &Config{}
		c.Set("lxc.hook.stop", value)
		c.Set("lxc.tty.max", "7")
		dir := t.TempDir()
		if err := c.Write(dir + "/c"); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		cmd := exec.Command("lxc-info", "-P", dir, "-n", "x", "--rcfile="+dir+"/c", "-c", "lxc.hook.stop", "-c", "lxc.tty.max")
		out, err := cmd.CombinedOutput()
		if want := "lxc.hook.stop = " + value + "\nlxc.tty.max = 7\n"; err != nil || strings.ReplaceAll(string(out), "\n\n", "\n") != want {
			t.Errorf("%s: LXC reads %.200q, want %.200q (%v)", name, out, want, err)
		}
	}
}
