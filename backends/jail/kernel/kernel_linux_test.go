package kernel

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// TestMountedNames checks mount points with characters that /proc/self/mountinfo escapes, and their
// order. A child makes the mounts, in a mount namespace of its own.
func TestMountedNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var want []string
	for _, name := range []string{"plain", "two words", "a\ttab", "a\nline", `a\back`, `\040`} {
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		want = append(want, path)
	}
	cmd := exec.Command("unshare", append([]string{"--mount", "sh", "-c",
		`set -e; for dir; do mount -t tmpfs tmpfs "$dir"; done; mount -t tmpfs tmpfs "$1"; exec "$0"`, "/proc/self/exe"}, want...)...)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args[5] = self
	cmd.Env = append(os.Environ(), childEnv+"=mounted", "BERTH_TEST_BELOW="+dir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, want[0])
	if got := filepath.SplitList(string(out)); !slices.Equal(got, want) {
		t.Errorf("%q\nwant: %q", got, want)
	}
}

func init() {
	children["mounted"] = func() error {
		points, err := Mounted()
		below := os.Getenv("BERTH_TEST_BELOW") + "/"
		for i, p := range slices.DeleteFunc(points, func(p string) bool { return len(p) < len(below) || p[:len(below)] != below }) {
			if i > 0 {
				os.Stdout.WriteString(string(filepath.ListSeparator))
			}
			os.Stdout.WriteString(p)
		}
		return err
	}
}

// TestStandIn checks the settings of the stand-in, which are environment variables.
func TestStandIn(t *testing.T) {
	t.Setenv("BERTH_JAIL_TOOLS", "/tools")
	t.Setenv("BERTH_JAIL_SYSCTL_a.b", "7")
	t.Setenv("BERTH_JAIL_SYSCTL_text", "seven")
	if got := Tools(); !slices.Equal(got, []string{"/tools"}) {
		t.Errorf("%q", got)
	}
	for name, want := range map[string]struct {
		value uint64
		ok    bool
	}{"a.b": {7, true}, "text": {}, "none": {}} {
		if value, ok := Setting(name); value != want.value || ok != want.ok {
			t.Errorf("%s: %d, %t", name, value, ok)
		}
	}
	if Jailed() {
		t.Error("Linux is no jail")
	}
}
