package bundle

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/bundle/image"
	"github.com/berth-oci/berth/bundle/layer"
	"github.com/berth-oci/berth/spec"
)

type silent struct{}

func (silent) Layer(string, int, int, int64) {}
func (silent) Read(int)                      {}
func (silent) Done(int64)                    {}

func options(t *testing.T, source string) *GenerateOptions {
	return &GenerateOptions{
		Source: source, Image: image.HostPlatform(""), Layers: layer.Options{Limits: layer.DefaultLimits},
		Choices: Choices{Platform: spec.Linux}, Progress: silent{}, Warn: t.Logf,
	}
}

func archive(t *testing.T, headers ...tar.Header) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		h.Mode, h.Uid, h.Gid = 0o755, os.Getuid(), os.Getgid()
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "root.tar")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

func TestNothingIsLeftAfterAnError(t *testing.T) {
	t.Parallel()
	good := archive(t, tar.Header{Name: "f", Typeflag: tar.TypeReg})
	canceled, cancel := context.WithCancelCause(context.Background())
	why := errors.New("enough")
	cancel(why)
	for name, c := range map[string]struct {
		ctx    context.Context
		source string
		change func(o *GenerateOptions)
		words  string
	}{
		"hostile":       {context.Background(), archive(t, tar.Header{Name: "f", Typeflag: tar.TypeReg}, tar.Header{Name: "../x", Typeflag: tar.TypeReg}), nil, `entry "../x"`},
		"no archive":    {context.Background(), os.Args[0], nil, "archive"},
		"missing":       {context.Background(), "/nonexistent", nil, "no such file"},
		"unknown user":  {context.Background(), good, func(o *GenerateOptions) { o.User = "nobody-here" }, "nobody-here"},
		"bad variable":  {context.Background(), good, func(o *GenerateOptions) { o.Env = []string{"x"} }, "NAME=VALUE"},
		"NUL character": {context.Background(), good, func(o *GenerateOptions) { o.Args = []string{"a\x00b"} }, "process.args"},
		"canceled":      {canceled, good, nil, why.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			o := options(t, c.source)
			if c.change != nil {
				c.change(o)
			}
			err := Generate(c.ctx, filepath.Join(dir, "bundle"), o)
			if err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("error %v", err)
			}
			if left := names(t, dir); left != "" {
				t.Errorf("left: %s", left)
			}
		})
	}
}

func TestBundleIsMade(t *testing.T) {
	t.Parallel()
	source := archive(t, tar.Header{Name: "etc", Typeflag: tar.TypeDir}, tar.Header{Name: "etc/passwd", Typeflag: tar.TypeSymlink, Linkname: "/etc/accounts"})
	dir := t.TempDir()
	path := filepath.Join(dir, "web")
	// The leftover of a killed berth is removed, the draft of a running one stays.
	left, other := filepath.Join(dir, ".web.berth-1"), filepath.Join(dir, ".web.berth-2")
	for _, d := range []string{left, other} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	held, err := lock(other)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := Generate(context.Background(), path, options(t, source)); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); got != ".web.berth-2 web" {
		t.Errorf("there are: %s", got)
	}
	b, problems, err := Validate(path, spec.Linux)
	if err != nil || problems.Err() != nil {
		t.Fatal(err, problems)
	}
	if b.Spec.Hostname != "web" || b.Spec.Process.Args[0] != "/bin/sh" || b.Spec.Root.Readonly {
		t.Errorf("%+v", b.Spec)
	}
	if err := Generate(context.Background(), path, options(t, source)); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second time: %v", err)
	}
}

func TestConvert(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for file, text := range map[string]string{
		"passwd": "root:x:0:0::/:/bin/sh\napp:x:10:20::/:/bin/sh\n", "group": "app:x:20:\nmore:x:30:app\nsame:x:20:app\nlist:x:40:\n",
	} {
		if err := os.MkdirAll(filepath.Join(root, "etc"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "etc", file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		user   string
		uid    uint32
		gid    uint32
		groups int
		fails  bool
	}{
		"none": {"", 0, 0, 0, false}, "name": {"app", 10, 20, 1, false}, "id of a name": {"10", 10, 20, 1, false}, "id": {"77", 77, 0, 0, false},
		"name and group": {"app:list", 10, 40, 0, false}, "ids": {"5:6", 5, 6, 0, false}, "unknown": {"no", 0, 0, 0, true}, "unknown group": {"app:no", 0, 0, 0, true},
		"negative": {"-1", 0, 0, 0, true},
	} {
		i := &image.Config{OS: "linux", Config: image.Execution{User: c.user, Cmd: []string{"x"}, Labels: map[string]string{"run.oci.handler": "x", "": "y", "a": "b"}}}
		s, refused, err := Convert(i, root, &Choices{Platform: spec.Linux})
		if c.fails != (err != nil) {
			t.Errorf("%s: error %v", name, err)
		}
		if err != nil {
			continue
		}
		if u := s.Process.User; u.UID != c.uid || u.GID != c.gid || len(u.AdditionalGids) != c.groups || len(refused) != 2 || s.Annotations["a"] != "b" {
			t.Errorf("%s: %+v, refused %q", name, u, refused)
		}
		if effective := len(s.Process.Capabilities.Effective); (effective > 0) != (c.uid == 0) {
			t.Errorf("%s: %d effective capabilities", name, effective)
		}
	}
	for _, os := range []string{"linux", "freebsd"} {
		s, _, err := Convert(&image.Config{OS: os, Config: image.Execution{Cmd: []string{"x"}}}, root, &Choices{Platform: spec.FreeBSD})
		if err != nil || s.Linux != nil || s.Mounts[0].Type != "devfs" || (os == "linux") != (len(s.Mounts) == 5) {
			t.Errorf("FreeBSD, image for %s: %+v, %v", os, s, err)
		}
		if err := spec.Check(s, spec.FreeBSD).Err(); err != nil {
			t.Errorf("FreeBSD, image for %s: %v", os, err)
		}
	}
	if _, _, err := Convert(&image.Config{}, root, &Choices{Platform: spec.Linux}); err == nil {
		t.Error("no command, and no error")
	}
}

// Ids have 32 bits. Accounts whose ids are larger or not numbers belong to nobody (CVE-2024-40635).
func TestIDsOutOfBounds(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	const passwd = `wide:x:4294967296:20::/:
none:x:4294967295:20::/:
huge:x:99999999999999999999:20::/:
minus:x:-1:20::/:
text:x:zero:20::/:
empty:x::20::/:
short:x:7
widegroup:x:7:4294967296::/:
textgroup:x:7:root::/:
most:x:4294967294:4294967294::/:
hex:x:0x10:20::/:
plus:x:+0:20::/:
app:x:10:20::/:
12345:x:0:0::/:
`
	const group = "wide:x:4294967296:app\ntext:x:no:app\nroot:x:0:\nminus:x:-4294967296:app\nmost:x:4294967294:app\nlong:x:30:" + "app\n"
	for file, text := range map[string]string{"passwd": passwd, "group": group + "many:x:40:" + strings.Repeat("member,", 20000) + "app\n"} {
		if err := os.WriteFile(filepath.Join(root, "etc", file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for user, want := range map[string]*specs.User{
		"wide": nil, "none": nil, "huge": nil, "minus": nil, "text": nil, "empty": nil, "short": nil, "widegroup": nil, "textgroup": nil, "hex": nil, "plus": nil,
		"app:wide": nil, "app:text": nil, "app:minus": nil,
		"4294967296": nil, "4294967295": nil, "0:4294967296": nil, "-4294967296": nil, "99999999999999999999": nil, "10:-1": nil,
		"most":       {UID: 4294967294, GID: 4294967294},
		"app:most":   {UID: 10, GID: 4294967294},
		"app":        {UID: 10, GID: 20, AdditionalGids: []uint32{4294967294, 30, 40}},
		"12345":      {UID: 12345}, // a number is not looked up as a name
		"12346:text": nil,
	} {
		got, err := resolveUser(root, user)
		if want == nil && err == nil || want != nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", user, got, err)
		}
	}
}

// An image cannot set the annotations that the administrator's rules look at.
func TestReservedLabels(t *testing.T) {
	t.Parallel()
	i := &image.Config{OS: "linux", Author: "somebody", Config: image.Execution{Cmd: []string{"x"}, StopSignal: "SIGTERM", Labels: map[string]string{
		"example.org/backend": "runc", "example.org/trusted": "yes", "example.org/other": "a", "org.opencontainers.image.author": "another",
	}}}
	s, refused, err := Convert(i, t.TempDir(), &Choices{
		Platform: spec.Linux, Reserved: []string{"example.org/backend", "example.org/trusted", "org.opencontainers.image.author"},
		Annotations: map[string]string{"example.org/trusted": "by the caller"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Annotations; got["example.org/backend"] != "" || got["example.org/trusted"] != "by the caller" || got["example.org/other"] != "a" || got["org.opencontainers.image.author"] != "" {
		t.Errorf("annotations: %v", got)
	}
	if len(refused) != 4 {
		t.Errorf("refused: %q", refused)
	}
}

// An image without its transport is not mistaken for a root file system.
func TestImageWithoutTransport(t *testing.T) {
	t.Parallel()
	reg := func(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg} }
	oci := []tar.Header{reg("oci-layout"), reg("index.json"), {Name: "blobs", Typeflag: tar.TypeDir}}
	for name, c := range map[string]struct {
		entries []tar.Header
		words   string
	}{
		"an OCI layout":      {oci, "give it as oci-archive:"},
		"of docker save":     {[]tar.Header{reg("manifest.json"), reg("repositories"), reg("x.json")}, "give it as docker-archive:"},
		"a root with a file": {[]tar.Header{reg("manifest.json"), {Name: "etc", Typeflag: tar.TypeDir}}, ""},
		"a root":             {[]tar.Header{reg("index.json"), {Name: "blobs", Typeflag: tar.TypeDir}}, ""},
	} {
		dir := t.TempDir()
		err := Generate(t.Context(), filepath.Join(dir, "b"), options(t, archive(t, c.entries...)))
		if (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	layout := t.TempDir()
	for _, h := range oci[:2] {
		if err := os.WriteFile(filepath.Join(layout, h.Name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	if err := Generate(t.Context(), filepath.Join(dir, "b"), options(t, layout)); err == nil || !strings.Contains(err.Error(), "give it as oci:"+layout) {
		t.Errorf("a layout: %v", err)
	}
	if left := names(t, dir); left != "" {
		t.Errorf("left: %s", left)
	}
}

func TestHostileAccounts(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(secret, []byte("secret:x:1:1::/:/\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{secret, strings.Repeat("../", 20) + secret} {
		path := filepath.Join(root, "etc/passwd")
		os.Remove(path)
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		if u, err := resolveUser(root, "secret"); err == nil {
			t.Errorf("a user of the host: %+v", u)
		}
	}
}
