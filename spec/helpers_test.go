package spec

import (
	"encoding/json"
	"strings"
	"testing"
)

// base is a config without problems. Each rule is tested by a patch on top of it.
const base = `{"ociVersion":"1.3.0","root":{"path":"rootfs"},
	"process":{"user":{"uid":0,"gid":0},"cwd":"/","args":["sh"]},
	"linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"ipc"},{"type":"uts"},{"type":"network"}]}}`

// patched returns base with a JSON merge patch (RFC 7386) applied.
func patched(t *testing.T, patch string) []byte {
	t.Helper()
	out, err := json.Marshal(merge(tree(t, base), tree(t, patch)))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// tree decodes JSON and keeps numbers exact.
func tree(t *testing.T, s string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return v
}

func merge(doc, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	d, ok := doc.(map[string]any)
	if !ok {
		d = map[string]any{}
	}
	for k, v := range p {
		if v == nil {
			delete(d, k)
		} else {
			d[k] = merge(d[k], v)
		}
	}
	return d
}

// expect compares problems with lines of the form "level path: part of the message".
func expect(t *testing.T, ps Problems, want ...string) {
	t.Helper()
	for i, p := range ps {
		line := p.Level.String() + " " + p.Path + ": " + p.Message
		if p.Ref == "" || strings.ContainsAny(p.String(), "\n\x00") {
			t.Errorf("problem without ref, or of several lines: %+v", p)
		}
		if i >= len(want) {
			t.Errorf("unexpected: %s", line)
			continue
		}
		head, part, _ := strings.Cut(want[i], ": ")
		if !strings.HasPrefix(line, head+": ") || !strings.Contains(line, part) {
			t.Errorf("got:  %s\nwant: %s", line, want[i])
		}
	}
	for _, w := range want[min(len(ps), len(want)):] {
		t.Errorf("missing: %s", w)
	}
}

// rule is a row of a table: a patch to base, and the problems it must cause.
type rule struct {
	name  string
	patch string
	want  []string
}

func runRules(t *testing.T, platform string, rules []rule) {
	t.Parallel()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			_, ps := Validate(patched(t, r.patch), platform)
			expect(t, ps, r.want...)
		})
	}
}
