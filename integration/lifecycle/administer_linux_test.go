//go:build linux && integration

package lifecycle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

// TestAdminister calls pct by the container's OCI ID. Streams and exit status are pct's. Commands
// that would separate the CT from its container are refused.
func TestAdminister(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, forever)
	b.running()
	if got, want := b.must("pct", b.id, "config"), suite.Output(t, "pct", "config", b.enclosureName()); got != want {
		t.Errorf("config: %q, want %q", got, want)
	}
	cmd := b.command("pct", b.id, "exec", "--", "sh", "-c", "cat; cat /out/started; echo oops >&2; exit 9")
	cmd.Stdin = strings.NewReader("input\n")
	if o := suite.Execute(t, cmd); o.Status != 9 || o.Stdout != "input\nstarted\n" || o.Stderr != "oops\n" {
		t.Errorf("exec: status %d, stdout %q, stderr %q", o.Status, o.Stdout, o.Stderr)
	}
	b.must("pct", b.id, "set", "--tags", "changed")
	if tags := ctConfig(t, b.enclosureName())["tags"]; tags != "changed" {
		t.Errorf("set: the tags are %q", tags)
	}
	cmd = b.command("pct", b.id, "enter")
	cmd.Stdin = strings.NewReader("cat /out/started; exit 7\n")
	if o := suite.Execute(t, cmd); o.Status != 7 || !strings.Contains(o.Stdout, "started") {
		t.Errorf("enter: status %d, stdout %q, stderr %q", o.Status, o.Stdout, o.Stderr)
	}
	for _, words := range []string{"df", "listsnapshot", "pending", "status --verbose"} {
		fields := strings.Fields(words)
		got := b.must(append([]string{"pct", b.id}, fields...)...)
		want := suite.Output(t, "pct", append([]string{fields[0], b.enclosureName()}, fields[1:]...)...)
		if head, _, _ := strings.Cut(want, "\n"); head == "" || !strings.HasPrefix(got, head) {
			t.Errorf("%s: %q, want %q", words, got, want)
		}
	}
	b.files()
	// The engine owns the root file system, which has no snapshots. pct says so.
	for words, why := range map[string]string{
		"snapshot s1": "snapshot feature is not available", "rollback s1": "snapshot 's1' does not exist", "delsnapshot s1": "snapshot 's1' does not exist",
	} {
		if o := b.berth(append([]string{"pct", b.id}, strings.Fields(words)...)...); o.Status != 255 || o.Stderr != why+"\n" {
			t.Errorf("%s: status %d, stderr %q", words, o.Status, o.Stderr)
		}
	}
	for words, why := range map[string]string{
		"start": "container engine", "migrate other": "on this node", "set --rootfs /x": "config.json", "destroy": "berth delete",
	} {
		b.refused(why, append([]string{"pct", b.id}, strings.Fields(words)...)...)
	}
	if got := b.state().Status; got != "running" {
		t.Errorf("it is %s", got)
	}
	b.must("delete", "--force", b.id)
	b.wait()
	b.refused("does not exist", "pct", b.id, "config")
	if _, err := os.Lstat(filepath.Join(b.rootfs(), "bin/busybox")); err != nil {
		t.Error(err)
	}
}

// files copies files into the container and out of it, at the container's paths.
func (b *box) files() {
	b.Helper()
	dir := b.TempDir()
	from, back := filepath.Join(dir, "from"), filepath.Join(dir, "back")
	if err := os.WriteFile(from, []byte("carried\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	b.must("pct", b.id, "push", from, "/out/pushed", "--perms", "640")
	if got := b.must("exec", b.id, "sh", "-c", "cat /out/pushed; stat -c %a /out/pushed"); got != "carried\n640\n" {
		b.Errorf("push: %q", got)
	}
	b.must("pct", b.id, "pull", "/out/pushed", back)
	if got, err := os.ReadFile(back); err != nil || string(got) != "carried\n" {
		b.Errorf("pull: %q, %v", got, err)
	}
}
