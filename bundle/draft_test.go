package bundle

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berth-oci/berth/bundle/image"
	"github.com/berth-oci/berth/bundle/layer"
	"github.com/berth-oci/berth/spec"
)

// TestDraft checks where a bundle may be made, and that an unfinished one leaves nothing.
func TestDraft(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make func(final string) error
		is   error
	}{
		"nothing there":      {func(string) error { return nil }, nil},
		"an empty directory": {func(final string) error { return os.Mkdir(final, 0o700) }, nil},
		"a bundle": {func(final string) error {
			return errors.Join(os.Mkdir(final, 0o700), os.WriteFile(filepath.Join(final, "config.json"), nil, 0o600))
		}, fs.ErrExist},
		"a file":    {func(final string) error { return os.WriteFile(final, nil, 0o600) }, errNotDir},
		"no parent": {func(final string) error { return os.Remove(filepath.Dir(final)) }, fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parent := filepath.Join(t.TempDir(), "parent")
			if err := os.Mkdir(parent, 0o755); err != nil {
				t.Fatal(err)
			}
			final := filepath.Join(parent, "a*[b]?")
			if err := c.make(final); err != nil {
				t.Fatal(err)
			}
			before := names(t, filepath.Dir(parent)) + " " + strings.Join(tree(t, filepath.Dir(parent)), " ")
			d, err := NewDraft(final)
			if c.is != nil {
				if !errors.Is(err, c.is) {
					t.Errorf("%v, want %v", err, c.is)
				}
			} else if err != nil {
				t.Fatal(err)
			} else {
				info, err := os.Stat(d.Dir)
				if err != nil || info.Mode().Perm() != 0o700 || filepath.Dir(d.Dir) != parent || d.Rootfs() != filepath.Join(d.Dir, "rootfs") {
					t.Errorf("%s, %v, %v", d.Dir, info, err)
				}
				if again, err := NewDraft(final); err != nil {
					t.Errorf("another one at the same time: %v", err)
				} else if err := again.Discard(); err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(d.Dir); err != nil {
					t.Errorf("another one has removed it: %v", err)
				}
				if err := errors.Join(d.Discard(), d.Discard()); err != nil {
					t.Error(err)
				}
			}
			if after := names(t, filepath.Dir(parent)) + " " + strings.Join(tree(t, filepath.Dir(parent)), " "); after != before {
				t.Errorf("there is %s, there was %s", after, before)
			}
		})
	}
}

func TestCommit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	final := filepath.Join(dir, "web")
	d, err := NewDraft(final)
	if err != nil {
		t.Fatal(err)
	}
	late, err := NewDraft(final)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Commit(Template()); err != nil {
		t.Fatal(err)
	}
	b, problems, err := Validate(final, spec.Platform)
	if err != nil || problems.Err() != nil || b.Rootfs != filepath.Join(final, "rootfs") {
		t.Errorf("%+v, %v, %v", b, problems, err)
	}
	// Somebody else was faster: their bundle stays.
	if err := late.Commit(Template()); !errors.Is(err, fs.ErrExist) && !strings.Contains(err.Error(), "not empty") {
		t.Errorf("%v", err)
	}
	if err := late.Discard(); err != nil {
		t.Error(err)
	}
	if got := names(t, dir); got != "web" {
		t.Errorf("there are: %s", got)
	}
}

// TestWithArchive checks the archive of a root file system, and that nothing is left of it.
func TestWithArchive(t *testing.T) {
	t.Parallel()
	source := archive(t, tar.Header{Name: "etc", Typeflag: tar.TypeDir}, tar.Header{Name: "etc/link", Typeflag: tar.TypeSymlink, Linkname: "/x"}, tar.Header{Name: "file", Typeflag: tar.TypeReg})
	failed := errors.New("pct create failed")
	canceled, cancel := context.WithCancelCause(context.Background())
	cancel(failed)
	for name, c := range map[string]struct {
		ctx    context.Context
		source string
		err    error
		words  string
		called bool
	}{
		"an archive":        {ctx: context.Background(), source: source, called: true},
		"pct fails":         {ctx: context.Background(), source: source, err: failed, words: failed.Error(), called: true},
		"given up":          {ctx: canceled, source: source, words: failed.Error()},
		"a source of none":  {ctx: context.Background(), source: "/nowhere", words: "/nowhere"},
		"a hostile archive": {ctx: context.Background(), source: archive(t, tar.Header{Name: "../x", Typeflag: tar.TypeReg}), words: `"../x"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			called := false
			err := WithArchive(c.ctx, dir, options(t, c.source), func(a *Archived) error {
				called = true
				if got := strings.Join(entries(t, a.File), " "); got != "./ ./etc/ ./etc/link ./file" {
					t.Errorf("the archive has %s", got)
				}
				if a.Spec == nil || a.Spec.Root == nil || a.Size != 0 {
					t.Errorf("%+v", a)
				}
				if left := tree(t, filepath.Dir(a.File)); !slices.Equal(left, []string{".", "rootfs.tar"}) {
					t.Errorf("beside the archive is %q", left)
				}
				return c.err
			})
			if c.words == "" && err != nil || c.words != "" && (err == nil || !strings.Contains(err.Error(), c.words)) || called != c.called {
				t.Errorf("%v, called: %t", err, called)
			}
			if left := names(t, dir); left != "" {
				t.Errorf("left: %s", left)
			}
		})
	}
	if err := WithArchive(context.Background(), "/nowhere", options(t, source), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

// entries lists the names in an archive.
func entries(t *testing.T, file string) []string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []string
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, h.Name)
	}
}

func TestHostnameFor(t *testing.T) {
	t.Parallel()
	for dir, want := range map[string]string{
		"/b/web": "web", "/b/Web-1": "web-1", "/b/9": "9", "/b/" + strings.Repeat("x", 63): strings.Repeat("x", 63),
		"/b/web_1": "berth", "/b/-web": "berth", "/b/web-": "berth", "/b/web.example": "berth", "/": "berth", "/b/ä": "berth",
		"/b/" + strings.Repeat("x", 64): "berth", "/b/a b": "berth",
	} {
		if got := hostnameFor(dir); got != want {
			t.Errorf("%s: %s, want %s", dir, got, want)
		}
	}
}

// TestDirectorySource checks a directory as the source, which is copied with its modes and links.
func TestDirectorySource(t *testing.T) {
	t.Parallel()
	source := volumesRoot(t)
	if err := os.Chmod(filepath.Join(source, "etc/file"), 0o4711|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	final := filepath.Join(t.TempDir(), "b")
	p := &noted{}
	o := options(t, source)
	o.Progress = p
	if err := Generate(context.Background(), final, o); err != nil {
		t.Fatal(err)
	}
	if got, want := tree(t, filepath.Join(final, "rootfs")), tree(t, source); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	info, err := os.Stat(filepath.Join(final, "rootfs/etc/file"))
	if err != nil || info.Mode() != 0o711|os.ModeSetuid {
		t.Errorf("%v, %v", info, err)
	}
	if to, err := os.Readlink(filepath.Join(final, "rootfs/var/run")); to != "/run" || err != nil {
		t.Errorf("%s, %v", to, err)
	}
	if len(p.steps) != 2 || p.steps[0] != "directory "+source+" 1/1 -1" || p.read == 0 {
		t.Errorf("%q, %d bytes read", p.steps, p.read)
	}
}

// noted is a Progress that is kept.
type noted struct {
	steps []string
	read  int
}

func (n *noted) Layer(name string, number, of int, size int64) {
	n.steps = append(n.steps, name+" "+string(rune('0'+number))+"/"+string(rune('0'+of))+" "+map[bool]string{true: "-1", false: "known"}[size < 0])
}
func (n *noted) Read(k int) { n.read += k }
func (n *noted) Done(int64) { n.steps = append(n.steps, "done") }

func TestOpenSource(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"/nowhere", "oci:/nowhere", "oci:", "docker-archive:/nowhere:x", "oci-archive:" + os.Args[0]} {
		s, err := OpenSource(context.Background(), text, image.HostPlatform(""), layer.DefaultLimits)
		if s != nil || err == nil {
			t.Errorf("%s: %v, %v", text, s, err)
		}
	}
	s, err := OpenSource(context.Background(), archive(t), image.HostPlatform(""), layer.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Unpack(context.Background(), t.TempDir(), layer.Options{Limits: layer.DefaultLimits}, silent{}); err == nil || !strings.HasSuffix(err.Error(), " is empty") {
		t.Errorf("an empty archive: %v", err)
	}
	if err := (&Source{}).Close(); err != nil {
		t.Error(err)
	}
}

// volumesRoot makes a root file system as Debian's: /var/run leads to /run by an absolute link.
func volumesRoot(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "rootfs")
	for _, dir := range []string{"run", "var", "data", "etc"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"var/run": "/run", "out": "/../../..", "dangling": "/nowhere", "loop": "/loop", "relative": "data"} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "etc/file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(root, "data"), 0o1777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	return root
}

// tree lists everything below a directory.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		list = append(list, rel)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
