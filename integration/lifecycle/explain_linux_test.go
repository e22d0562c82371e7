//go:build linux && integration

package lifecycle

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestExplainIsWhatCreateDoes checks that explain shows what create does: the LXC configuration
// line by line, and the pct command lines that are in the log.
func TestExplainIsWhatCreateDoes(t *testing.T) {
	b := newBox(t, forever, func(s *specs.Spec) {
		s.Hostname = "explained"
		s.Annotations = map[string]string{"org.opencontainers.image.stopSignal": "SIGINT"}
	})
	var x struct {
		ID, Backend string
		Sections    []struct {
			Title string
			Lines []struct{ Text, From string }
		}
	}
	text := b.must("explain", "--json", "--id", b.id, b.bundle)
	if err := json.Unmarshal([]byte(text), &x); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(b.root, b.id)); err == nil {
		t.Error("explain has made something")
	}
	said := map[string][]string{}
	for _, s := range x.Sections {
		kind, _, _ := strings.Cut(s.Title, " /")
		for _, l := range s.Lines {
			said[kind] = append(said[kind], l.Text)
		}
	}
	log := filepath.Join(filepath.Dir(b.root), "log")
	b.createWith(b.command(append([]string{"--debug", "--log", log, "--log-format", "json"}, b.createArgs()...)...))
	conf, err := os.ReadFile(filepath.Join(b.root, b.id, "lxc.conf"))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(strings.Join(said["LXC configuration"], "\n")+"\n", "{pid}", strconv.Itoa(b.pid))
	if string(conf) != want {
		t.Errorf("explained:\n%s\nwritten:\n%s", want, conf)
	}
	if x.ID != b.id || x.Backend != *backend {
		t.Errorf("id %s, backend %s", x.ID, x.Backend)
	}
	if *backend != "pct" {
		return
	}
	called := calls(t, log)
	var create []string
	for _, l := range said["pct create"] {
		create = append(create, strings.TrimSpace(strings.TrimSuffix(l, "…")))
	}
	if got, want := called[0], strings.Join(create, " "); got != want {
		t.Errorf("explained %q, called %q", want, got)
	}
	if got, want := called[len(called)-1], said["pct start"][0]; got != want {
		t.Errorf("explained %q, called %q", want, got)
	}
}

// calls returns the pct command lines in a log.
func calls(t *testing.T, log string) []string {
	t.Helper()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(data)) {
		var entry struct{ Command string }
		if json.Unmarshal([]byte(line), &entry) == nil && strings.HasPrefix(entry.Command, "pct ") {
			list = append(list, entry.Command)
		}
	}
	return list
}
