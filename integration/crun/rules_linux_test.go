//go:build linux && testhost

package crun

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

// conditions are the conditions of ten rules. For each container of the test one of them is the
// first that matches.
var conditions = []struct {
	toml string
	id   string
	edit func(*specs.Spec)
}{
	{`id = "exact"`, "exact", nil},
	{`id = "web-*"`, "web-%d", nil},
	{`id = "?-one*"`, "a-one%d", nil},
	{`annotations = { "example.org/tier" = "db" }`, "", annotate("example.org/tier", "db")},
	{`annotations = { "example.org/tier" = "cache-*" }`, "", annotate("example.org/tier", "cache-9")},
	{`namespace = "kube-*"`, "", annotate("io.kubernetes.cri.sandbox-namespace", "kube-system")},
	{`pod = "dns-0"`, "", annotate("io.kubernetes.pod.name", "dns-0")},
	{`bundle = "*/berth-crun-*/bundle*"` + "\nid = \"b-*\"", "b-%d", nil},
	{`privileged = true`, "", suite.Share(specs.IPCNamespace, "")},
	{`id = "*"`, "", nil},
}

func annotate(key, value string) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Annotations = map[string]string{key: value} }
}

// writeRules writes a rule for each condition. The first rule gets the backend with number first.
func writeRules(t *testing.T, path string, first int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i, c := range conditions {
		fmt.Fprintf(f, "[[rule]]\nbackend = %q\n%s\n\n", backendAt(first+i), c.toml)
	}
}

func backendAt(i int) string { return backendNames()[i%len(backendNames())] }

// TestRules gives fifty containers their backends by ten rules. When the configuration has changed,
// and when it is invalid, berth still finds, kills and deletes each container with its own backend.
func TestRules(t *testing.T) {
	root := newRoot(t)
	file := filepath.Join(t.TempDir(), "config.toml")
	b := &caller{T: t, argv: []string{*program, "--root", root, "--config", file}}
	want := map[string]string{}
	writeRules(t, file, 0)
	for i := range 50 {
		n := i % len(conditions)
		c := conditions[n]
		id := fmt.Sprintf("other-%d", i)
		switch {
		case c.id == "exact" && i == n:
			id = c.id
		case c.id == "exact": // only one container can have it
			n = len(conditions) - 1
			c = conditions[n]
		case c.id != "":
			id = fmt.Sprintf(c.id, i)
		}
		b.dir = newBundle(t, "sleep 1000", func(s *specs.Spec) {
			if c.edit != nil {
				c.edit(s)
			}
		})
		b.must("create", id)
		want[id] = backendAt(n)
	}
	writeRules(t, file, 1)
	if got := backendsOf(t, b); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	b.dir = newBundle(t, "sleep 1000")
	if err := os.WriteFile(file, []byte("[[rule]]\nnonsense = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := b.run("create", "refused"); r.Status != 1 {
		t.Errorf("created with a wrong configuration: %+v", r)
	}
	for id, backend := range want {
		b.must("start", id)
		b.must("kill", id, "KILL")
		b.stopped(id)
		b.must("delete", id)
		if _, err := os.Lstat(filepath.Join(root, "@"+backend, id)); err == nil {
			t.Errorf("%s still has %s", backend, id)
		}
	}
	if got := backendsOf(t, b); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

// stopped waits until a container has stopped.
func (c *caller) stopped(id string) {
	c.Helper()
	suite.Eventually(c.T, id+" has stopped", func() bool {
		suite.Reap()
		var state struct{ Status string }
		if err := json.Unmarshal([]byte(c.must("state", id)), &state); err != nil {
			c.Fatal(err)
		}
		return state.Status == "stopped"
	})
}

func backendsOf(t *testing.T, b *caller) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, c := range listed(t, b) {
		got[c.ID] = c.Backend
	}
	return got
}

type listedContainer struct {
	ID, Status, Backend string
	Pid                 int
	Unrecorded          bool
}

func listed(t *testing.T, b *caller) []listedContainer {
	t.Helper()
	var list []listedContainer
	if err := json.Unmarshal([]byte(b.must("list", "--format", "json")), &list); err != nil {
		t.Fatal(err)
	}
	return list
}
