//go:build linux && integration

package lifecycle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pct by the container's OCI id: its streams and its exit status are pct's, and
// what would part the CT from its container is refused.
func TestAdminister(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, forever)
	b.create()
	b.start()
	b.awaitFile("started")
	if got, want := b.must("pct", b.id, "config"), output(t, "pct", "config", b.enclosureName()); got != want {
		t.Errorf("config: %q, want %q", got, want)
	}
	cmd := b.command("pct", b.id, "exec", "--", "sh", "-c", "cat; cat /out/started; echo oops >&2; exit 9")
	cmd.Stdin = strings.NewReader("input\n")
	if o := execute(t, cmd); o.status != 9 || o.stdout != "input\nstarted\n" || o.stderr != "oops\n" {
		t.Errorf("exec: status %d, stdout %q, stderr %q", o.status, o.stdout, o.stderr)
	}
	b.must("pct", b.id, "set", "--tags", "changed")
	if tags := ctConfig(t, b.enclosureName())["tags"]; tags != "changed" {
		t.Errorf("set: the tags are %q", tags)
	}
	// What pct itself refuses is its own affair.
	if o := b.berth("pct", b.id, "snapshot", "s1"); o.status == 0 || !strings.Contains(o.stderr, "snapshot") {
		t.Errorf("snapshot: status %d, stderr %q", o.status, o.stderr)
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
