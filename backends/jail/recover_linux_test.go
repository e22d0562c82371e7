package jail

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
)

// TestRecover removes what the copy of a damaged record names, unless the copy is damaged too.
func TestRecover(t *testing.T) {
	t.Parallel()
	whole := func(c *backends.Container) *backends.Container { return c }
	for name, e := range map[string]struct {
		change func(*backends.Container) *backends.Container // of what is copied
		edit   func(string) string                           // of the text
		rules  string
		done   string
		err    string
		jail   bool // it is still there
	}{
		"a copy":              {done: "[removed what was left of jail box]"},
		"no copy":             {change: func(*backends.Container) *backends.Container { return nil }, done: "[]", jail: true},
		"half a copy":         {edit: func(s string) string { return s[:len(s)/2] }, done: "[found that the copy of the record is damaged too, so its jail is not known]", jail: true},
		"nothing in the copy": {edit: func(string) string { return "" }, done: "[found that the copy of the record is damaged too, so its jail is not known]", jail: true},
		"another's copy": {change: func(c *backends.Container) *backends.Container { c.ID = "other"; return c },
			done: "[found that the copy of the record is damaged too, so its jail is not known]", jail: true},
		"another's jail": {change: func(c *backends.Container) *backends.Container {
			c.Data = json.RawMessage(`{"jail":"other","root":"/b"}`)
			return c
		}, done: "[found that the copy of the record is damaged too, so its jail is not known]", jail: true},
		"before the jail": {change: func(c *backends.Container) *backends.Container {
			c.Data, c.Complete = json.RawMessage(`{"jail":"","root":""}`), false
			return c
		}, done: "[]", jail: true},
		"the tools fail": {rules: `case "$line" in "jail -R"*) no "out of order";; esac`, err: "remove jail box: jail -R box: jail: out of order", jail: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFake(t)
			h.write("state/jail.box", "7 /b/rootfs\n")
			if e.rules != "" {
				h.write("rules", e.rules)
			}
			c := h.running(inJail)
			copied := *c
			if e.change == nil {
				e.change = whole
			}
			if from := e.change(&copied); from != nil {
				if err := writeCopy(from); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join(c.Dir, copyFile)
			if e.edit != nil {
				text, err := os.ReadFile(file)
				if err == nil {
					err = os.WriteFile(file, []byte(e.edit(string(text))), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			done, err := h.backend.Recover(context.Background(), &backends.Container{ID: c.ID, Root: c.Root, Dir: c.Dir})
			if e.err != "" {
				if err == nil || err.Error() != e.err {
					t.Errorf("%v, want %s", err, e.err)
				}
			} else if err != nil || fmt.Sprint(done) != e.done {
				t.Errorf("%q, %v, want %s", done, err, e.done)
			}
			if jail := h.read("state/jail.box") != ""; jail != e.jail {
				t.Errorf("the jail is there: %t", jail)
			}
		})
	}
}

// TestCopyOfFuture checks a copy that a later berth has written: it is not damaged.
func TestCopyOfFuture(t *testing.T) {
	t.Parallel()
	h := newFake(t)
	c := h.running(inJail)
	text := fmt.Sprintf(`{"format":%d,"berth":"berth 9.9"}`, record.Format+1)
	if err := os.WriteFile(filepath.Join(c.Dir, copyFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	done, err := h.backend.Recover(context.Background(), c)
	if len(done) > 0 || err == nil || !strings.Contains(err.Error(), "berth 9.9") || !strings.HasPrefix(err.Error(), filepath.Join(c.Dir, copyFile)+": ") {
		t.Errorf("%q, %v", done, err)
	}
}

// TestExplain compares what Explain shows with the commands of a create.
func TestExplain(t *testing.T) {
	t.Parallel()
	h := prepared(t)
	c, s := h.container(everything)
	x, err := h.backend.Explain(c, s, backends.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	explaining := trimmed(h.log())
	if want := []string{"jls -j pod children.cur children.max", "jls -j pod allow.chflags allow.raw_sockets enforce_statfs"}; !slices.Equal(explaining, want) {
		t.Errorf("Explain has run %q", explaining)
	}
	var text strings.Builder
	for _, section := range x {
		for _, line := range section.Lines {
			text.WriteString(strings.TrimSpace(line.Text) + "\n")
			if line.From == "" && section.Title != "jail" {
				t.Errorf("%s: %s has no origin", section.Title, line.Text)
			}
		}
	}
	if _, _, err := h.create(c, s); err != nil {
		t.Fatal(err)
	}
	for _, line := range trimmed(h.log()) {
		if strings.HasPrefix(line, "jls ") {
			continue // asks only
		}
		line = strings.ReplaceAll(line, "DIR", h.dir)
		if params, ok := strings.CutPrefix(line, "jail -i -c "); ok {
			for p := range strings.FieldsSeq(params) {
				if !strings.Contains(text.String(), "\n"+p+"\n") {
					t.Errorf("Explain does not show the parameter %s in\n%s", p, text.String())
				}
			}
			continue
		}
		if !strings.Contains("\n"+strings.ReplaceAll(text.String(), "'", ""), "\n"+line+"\n") {
			t.Errorf("Explain does not show %s in\n%s", line, text.String())
		}
	}
	if err := h.backend.Delete(context.Background(), c, true); err != nil {
		t.Error(err)
	}
}

func TestExplainFails(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{
		`"freebsd":{"jail":{"parent":"none"}}`:                                  "parent jail: none: no such jail",
		`"mounts":[{"destination":"/d","type":"nullfs","source":"/nowhere"}]`:   "mounts[0] (/d): stat /nowhere: no such file or directory",
		`"mounts":[{"destination":"/","type":"tmpfs"}]`:                         "mounts[0] (/): cannot be mounted on the root itself",
		`"root":{"path":"nowhere"}`:                                             "",
		`"mounts":[{"destination":"/d","type":"tmpfs","options":["size=50%"]}]`: "",
		`"annotations":{"org.freebsd.jail.vnet":"disable"}`:                     "",
		`"linux":{"resources":{"cpu":{"shares":5}}}`:                            "",
	} {
		h := newFake(t)
		c, s := h.container(config)
		if strings.HasPrefix(config, `"root":`) {
			c.Rootfs = filepath.Join(c.Bundle, "nowhere")
		}
		x, err := h.backend.Explain(c, s, backends.CreateOptions{})
		if x != nil || err == nil || want != "" && err.Error() != want {
			t.Errorf("%s: %v, want %s", config, err, want)
		}
		// Create fails in the same way, before it makes anything.
		before := h.left()
		if _, _, cerr := h.create(c, s); cerr == nil {
			t.Errorf("%s: Create does not fail", config)
		}
		h.clean(c, before)
	}
}
