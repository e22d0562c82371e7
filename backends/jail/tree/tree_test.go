package tree

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root creates a root from entries: "dir/", "file=text" and "link->target".
func root(t *testing.T, entries ...string) *Root {
	t.Helper()
	dir := t.TempDir()
	for _, e := range entries {
		var err error
		name, text, isFile := strings.Cut(e, "=")
		link, target, isLink := strings.Cut(e, "->")
		switch {
		case isLink:
			err = os.Symlink(target, filepath.Join(dir, link))
		case isFile:
			err = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640)
		default:
			err = os.MkdirAll(filepath.Join(dir, e), 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func TestResolve(t *testing.T) {
	t.Parallel()
	r := root(t, "a/b/c/", "a/file=x", "abs->/a/b", "rel->a/../a/b", "up->../../../../a", "loop->loop", "a/in->b/c", "dangling->/no/where")
	for name, want := range map[string]string{
		"/":                  "  dir",
		"/a/b":               "a/b  dir",
		"a//./b/":            "a/b  dir",
		"/../..":             "  dir",
		"/abs/c":             "a/b/c  dir",
		"/rel":               "a/b  dir",
		"/up/file":           "a/file  regular",
		"/a/in/..":           "a/b  dir",
		"/a/new/x":           "a new/x dir",
		"/dangling/y":        " no/where/y dir",
		"/loop":              "error",
		"/a/file/x":          "error",
		"/a/new/../../../..": "error",
	} {
		p, err := r.Resolve(name)
		got := "error"
		if err == nil {
			kind := "other"
			if p.Dir {
				kind = "dir"
			} else if p.Regular {
				kind = "regular"
			}
			got = strings.Join(p.Found, "/") + " " + strings.Join(p.Missing, "/") + " " + kind
			if path := p.Host(r); path != r.Path && !strings.HasPrefix(path, r.Path+"/") {
				t.Errorf("%s: %s is not in the root", name, path)
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q (%v)", name, got, want, err)
		}
	}
}

func TestMake(t *testing.T) {
	t.Parallel()
	r := root(t, "a/")
	for _, file := range []bool{true, false} {
		p, err := r.Resolve(map[bool]string{true: "/a/f/file", false: "/a/d/dir"}[file])
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Make(p, file); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(p.Host(r)); err != nil || info.IsDir() == file {
			t.Errorf("%v, %v", info, err)
		}
	}
	// A directory that Resolve found has become a symbolic link.
	p, err := r.Resolve("/a/new")
	if err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	if err := os.Rename(filepath.Join(r.Path, "a"), filepath.Join(r.Path, "b")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(r.Path, "a")); err != nil {
		t.Fatal(err)
	}
	if err := r.Make(p, false); err == nil {
		t.Error("a link was followed")
	}
	if entries, _ := os.ReadDir(outside); len(entries) > 0 {
		t.Error("something was made outside")
	}
}

func TestReplace(t *testing.T) {
	t.Parallel()
	source := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(source, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := root(t, "etc/", "etc/old=old")
	for name, before := range map[string]string{"/etc/old": "old", "/etc/none": ""} {
		p, err := r.Resolve(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Plan(p, "token")
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Replace(f, source); err != nil {
			t.Fatal(err)
		}
		if data, _ := os.ReadFile(filepath.Join(r.Path, name)); string(data) != "new" {
			t.Errorf("%s: %q", name, data)
		}
		for range 2 {
			if err := r.Restore(f); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(filepath.Join(r.Path, name))
		if string(data) != before || (err == nil) != (before != "") {
			t.Errorf("%s: %q afterwards, %v", name, data, err)
		}
	}
	if names := list(t, filepath.Join(r.Path, "etc")); !slices.Equal(names, []string{"old"}) {
		t.Errorf("left: %q", names)
	}
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestCopy(t *testing.T) {
	t.Parallel()
	from := root(t, "d/e/", "d/e/f=text", "l->d/e/f", "out->/etc")
	if err := os.Chmod(filepath.Join(from.Path, "d"), 0o711); err != nil {
		t.Fatal(err)
	}
	to := root(t)
	a, err := os.Open(from.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := os.Open(to.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := Copy(a, b); err != nil {
		t.Fatal(err)
	}
	if names := list(t, to.Path); !slices.Equal(names, []string{"d", "l", "out"}) {
		t.Errorf("%q", names)
	}
	was, _ := os.Stat(filepath.Join(from.Path, "d/e/f"))
	is, err := os.Stat(filepath.Join(to.Path, "l"))
	if err != nil || is.Size() != 4 || is.Mode() != was.Mode() || is.ModTime().Unix() != was.ModTime().Unix() {
		t.Errorf("%v, %v", is, err)
	}
	if info, _ := os.Stat(filepath.Join(to.Path, "d")); info.Mode().Perm() != 0o711 {
		t.Error(info.Mode())
	}
	if target, _ := os.Readlink(filepath.Join(to.Path, "out")); target != "/etc" {
		t.Error(target)
	}
}
