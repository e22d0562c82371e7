//go:build unix

package layer

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// archiveOf writes entries as a layer. An entry without a type becomes a regular file, one without
// an owner belongs to the user of the test.
func archiveOf(t *testing.T, entries ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		content := ""
		if h.Typeflag == 0 {
			h.Typeflag, content = tar.TypeReg, "content of "+h.Name
			h.Size = int64(len(content))
		}
		if h.Mode == 0 {
			h.Mode = 0o755
		}
		if h.Uid == 0 {
			h.Uid, h.Gid = os.Getuid(), os.Getgid()
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(name string) tar.Header { return tar.Header{Name: name} }
func dir(name string) tar.Header  { return tar.Header{Name: name, Typeflag: tar.TypeDir} }
func link(name, to string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to}
}
func hard(name, to string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: to}
}

// apply applies layers to a new root. Beside the root is a file that must not change.
func apply(t *testing.T, o Options, layers ...[]byte) (string, error) {
	t.Helper()
	base := t.TempDir()
	root := filepath.Join(base, "root")
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(base, "outside")
	if err := os.WriteFile(outside, []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits
	}
	r, err := NewRoot(root, o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for n, l := range layers {
		if err = r.Apply(context.Background(), "layer "+string(rune('1'+n)), bytes.NewReader(l)); err != nil {
			break
		}
	}
	names, _ := os.ReadDir(base)
	if content, _ := os.ReadFile(outside); string(content) != "untouched" || len(names) != 2 {
		t.Errorf("the directory outside has changed: %q, %v", content, names)
	}
	return root, err
}

func TestHostileLayersAreRefused(t *testing.T) {
	t.Parallel()
	device := tar.Header{Name: "dev/sda", Typeflag: tar.TypeBlock, Devmajor: 8}
	for name, c := range map[string]struct {
		layers [][]tar.Header
		entry  string
		words  string
	}{
		"path upwards":              {[][]tar.Header{{file("../outside")}}, "../outside", `".."`},
		"path upwards inside":       {[][]tar.Header{{file("a/../../outside")}}, "a/../../outside", `".."`},
		"whiteout upwards":          {[][]tar.Header{{file("f")}, {file(".wh...")}}, ".wh...", "whiteout"},
		"whiteout of the directory": {[][]tar.Header{{file("f")}, {file("a/.wh..")}}, "a/.wh..", "whiteout"},
		"link loop":                 {[][]tar.Header{{link("a", "b"), link("b", "a"), file("a/f")}}, "a/f", "symbolic links"},
		"hard link upwards":         {[][]tar.Header{{hard("x", "../outside")}}, "x", `".."`},
		"hard link to nothing":      {[][]tar.Header{{hard("x", "missing")}}, "x", "no such file"},
		"hard link to itself":       {[][]tar.Header{{file("x"), hard("x", "./x")}}, "x", "itself"},
		"block device":              {[][]tar.Header{{device}}, "dev/sda", "device node"},
		"character device":          {[][]tar.Header{{{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}}}, "null", "device node"},
		"root as a link":            {[][]tar.Header{{link(".", "/")}}, ".", "root must be a directory"},
		"root as a file":            {[][]tar.Header{{file(".")}}, ".", "root must be a directory"},
		"too large":                 {[][]tar.Header{{{Name: "big", Size: 9 << 30, Typeflag: tar.TypeReg}}}, "big", "too large"},
		"below a file":              {[][]tar.Header{{file("f"), file("f/g")}}, "f/g", "not a directory"},
		"deep":                      {[][]tar.Header{{file(strings.Repeat("d/", 600) + "f")}}, strings.Repeat("d/", 600) + "f", "components"},
		"unknown type":              {[][]tar.Header{{{Name: "odd", Typeflag: 'Z'}}}, "odd", "type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var layers [][]byte
			for _, entries := range c.layers {
				layers = append(layers, unclosed(t, entries))
			}
			_, err := apply(t, Options{}, layers...)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v", err)
			}
			if e.Entry != c.entry || e.Layer != "layer "+string(rune('0'+len(layers))) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("layer %q, entry %q: %v", e.Layer, e.Entry, err)
			}
		})
	}
}

// Every path in a layer ends inside the root, whatever links it passes through. Absolute names and
// targets begin at the root, and ".." of the root is the root.
func TestPathsStayInside(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		layers [][]tar.Header
		want   string // the resulting tree, or "" if the entry must be refused
	}{
		"absolute path":              {[][]tar.Header{{file("/etc/passwd")}}, "etc/ etc/passwd"},
		"many slashes":               {[][]tar.Header{{file("//./etc//passwd")}}, "etc/ etc/passwd"},
		"file through absolute link": {[][]tar.Header{{link("x", "/tmp"), file("x/evil")}}, "tmp/ tmp/evil x->/tmp"},
		"file through link upwards":  {[][]tar.Header{{link("x", ".."), file("x/outside")}}, "outside x->.."},
		"file through link far up":   {[][]tar.Header{{dir("a"), link("a/x", "../../.."), file("a/x/outside")}}, "a/ a/x->../../.. outside"},
		"file through chained links": {[][]tar.Header{{link("a", "b"), link("b", "../"), file("a/outside")}}, "a->b b->../ outside"},
		"absolute behind relative":   {[][]tar.Header{{dir("d"), link("d/a", "../b"), link("b", "/d/c"), file("d/a/f")}}, "b->/d/c d/ d/a->../b d/c/ d/c/f"},
		"absolute link further down": {[][]tar.Header{{dir("d"), link("d/a", "/e"), file("d/a/f")}}, "d/ d/a->/e e/ e/f"},
		"directory through link":     {[][]tar.Header{{link("x", ".."), dir("x/made")}}, "made/ x->.."},
		"link through link":          {[][]tar.Header{{link("x", ".."), link("x/made", "y")}}, "made->y x->.."},
		"whiteout through link":      {[][]tar.Header{{file("outside"), file("f")}, {link("x", ".."), file("x/.wh.outside")}}, "f x->.."},
		"opaque through link":        {[][]tar.Header{{file("f")}, {link("x", ".."), file("x/.wh..wh..opq")}}, "x->.."},
		"hard link, absolute":        {[][]tar.Header{{file("f"), hard("x", "/f")}}, "f x"},
		"hard link through link":     {[][]tar.Header{{link("d", ".."), file("f"), hard("x", "d/f")}}, "d->.. f x"},
		"hard link to the outside":   {[][]tar.Header{{link("d", ".."), hard("x", "d/outside")}}, ""},
		"hard link to the host's":    {[][]tar.Header{{hard("x", "/etc/passwd")}}, ""},
		"in the second layer":        {[][]tar.Header{{file("f")}, {link("x", "/"), file("x/evil")}}, "evil f x->/"},
		"a lower layer's link":       {[][]tar.Header{{link("x", "/")}, {file("x/f")}}, "x/ x/f"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var layers [][]byte
			for _, entries := range c.layers {
				layers = append(layers, archiveOf(t, entries...))
			}
			root, err := apply(t, Options{}, layers...)
			if c.want == "" {
				if err == nil || !strings.Contains(err.Error(), `entry "x"`) {
					t.Errorf("error %v", err)
				}
				return
			}
			if got := tree(t, root); err != nil || got != c.want {
				t.Errorf("%s, error %v; want %s", got, err, c.want)
			}
		})
	}
}

// Everything in an archive counts towards the limit: the content of whiteouts, ignored entries, and
// anything after the end of the archive.
func TestAllBytesCount(t *testing.T) {
	t.Parallel()
	const much = 3 << 20
	large := func(h tar.Header) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		h.Mode, h.Size, h.Uid, h.Gid = 0o644, much, os.Getuid(), os.Getgid()
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, much)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	little := archiveOf(t, file("f"))
	limits := Limits{File: 1 << 40, Total: 1 << 20, Entries: 1 << 40}
	for name, layers := range map[string][][]byte{
		"a whiteout's":       {little, large(tar.Header{Name: ".wh.f", Typeflag: tar.TypeReg})},
		"an opaque one's":    {little, large(tar.Header{Name: ".wh..wh..opq", Typeflag: tar.TypeReg})},
		"AUFS's":             {large(tar.Header{Name: ".wh..wh.plnk/x", Typeflag: tar.TypeReg})},
		"a file's":           {large(tar.Header{Name: "x", Typeflag: tar.TypeReg})},
		"behind the end":     {append(bytes.Clone(little), make([]byte, much)...)},
		"another archive":    {append(bytes.Clone(little), large(tar.Header{Name: "y", Typeflag: tar.TypeReg})...)},
		"of many layers":     slices.Repeat([][]byte{append(bytes.Clone(little), make([]byte, much/8)...)}, 9),
		"headers":            {archiveOf(t, slices.Repeat([]tar.Header{file(strings.Repeat("n/", 90) + "f")}, 3000)...)},
		"records of headers": {archiveOf(t, slices.Repeat([]tar.Header{{Name: "r", Typeflag: tar.TypeReg, PAXRecords: map[string]string{"x.y": strings.Repeat("z", 900_000)}}}, 3)...)},
	} {
		if _, err := apply(t, Options{Limits: limits}, layers...); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wide := Limits{File: 1 << 40, Total: math.MaxInt64, Entries: 1 << 40}
	if _, err := apply(t, Options{Limits: wide}, little); err != nil {
		t.Errorf("without limits: %v", err)
	}
	if _, err := apply(t, Options{Limits: Limits{File: much, Total: much, Entries: 1}}, large(tar.Header{Name: "x", Typeflag: tar.TypeReg})); err != nil {
		t.Errorf("as much as may be: %v", err)
	}
}

// unclosed writes entries. If the first has a size, it writes only that header, without the
// content.
func unclosed(t *testing.T, entries []tar.Header) []byte {
	t.Helper()
	if h := entries[0]; h.Size > 0 {
		var b bytes.Buffer
		h.Mode = 0o600
		if err := tar.NewWriter(&b).WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	return archiveOf(t, entries...)
}

// A sparse file of 10 GiB in a layer of 2 KiB, as GNU tar writes it, is refused.
func TestSparseBombIsRefused(t *testing.T) {
	t.Parallel()
	_, err := apply(t, Options{}, sparseArchive(t, "bomb", 10<<30))
	if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), `layer 1: entry "bomb"`) {
		t.Errorf("error %v", err)
	}
	root, err := apply(t, Options{}, sparseArchive(t, "thin", 1<<30))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(root, "thin"))
	if err != nil || info.Size() != 1<<30 || blocks(info) > 64 {
		t.Errorf("sparse file: %v, %d blocks, error %v", info.Size(), blocks(info), err)
	}
}

// sparseArchive returns an archive with a sparse file that has a hole and a little data at its end,
// in GNU's PAX format 1.0.
func sparseArchive(t *testing.T, name string, size int64) []byte {
	t.Helper()
	data := make([]byte, 1024)
	copy(data, "1\n"+itoa(size-512)+"\n512\n")
	copy(data[512:], "the end")
	var b bytes.Buffer
	record := func(key, value string) string {
		n := len(key) + len(value) + 3
		for n != len(itoa(int64(n)))+len(key)+len(value)+3 {
			n = len(itoa(int64(n))) + len(key) + len(value) + 3
		}
		return itoa(int64(n)) + " " + key + "=" + value + "\n"
	}
	records := record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0") + record("GNU.sparse.name", name) + record("GNU.sparse.realsize", itoa(size))
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "x", Typeflag: tar.TypeReg, Size: int64(len(records)), Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, records); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	retype(b.Bytes()[:512], tar.TypeXHeader)
	if err := w.WriteHeader(&tar.Header{Name: "GNUSparseFile.0/" + name, Typeflag: tar.TypeReg, Size: int64(len(data)), Mode: 0o644, Uid: os.Getuid(), Gid: os.Getgid()}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// retype changes the type in a header and updates the checksum.
func retype(block []byte, to byte) {
	block[156] = to
	copy(block[148:156], "        ")
	sum := int64(0)
	for _, c := range block {
		sum += int64(c)
	}
	octal := []byte("000000\x00 ")
	for i := 5; sum > 0; i-- {
		octal[i] = byte('0' + sum&7)
		sum >>= 3
	}
	copy(block[148:156], octal)
}

func itoa(n int64) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

func TestDamagedLayersAreRefused(t *testing.T) {
	t.Parallel()
	whole := archiveOf(t, file("a"), dir("b"), file("b/c"))
	for name, data := range map[string][]byte{
		"cut in a header":  whole[:512+512+100],
		"cut in a file":    whole[:512+5],
		"no archive":       bytes.Repeat([]byte("nonsense"), 512),
		"damaged checksum": append(append(slices.Clone(whole[:1024]), 'x'), whole[1025:]...),
	} {
		if _, err := apply(t, Options{}, data); err == nil || !strings.Contains(err.Error(), "layer 1") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// tree lists the entries of a root: directories with a slash, links with their targets.
func tree(t *testing.T, root string) string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, _ := filepath.Rel(root, path)
		switch {
		case d.IsDir():
			name += "/"
		case d.Type()&os.ModeSymlink != 0:
			target, _ := os.Readlink(path)
			name += "->" + target
		}
		list = append(list, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, " ")
}

func TestLayersAreUnited(t *testing.T) {
	t.Parallel()
	base := []tar.Header{dir("d"), file("d/a"), file("d/b"), dir("d/s"), file("d/s/x"), file("f"), link("l", "d")}
	for name, c := range map[string]struct {
		layers [][]tar.Header
		want   string
	}{
		"file replaced":                  {[][]tar.Header{base, {file("f")}}, "d/ d/a d/b d/s/ d/s/x f l->d"},
		"whiteout of a file":             {[][]tar.Header{base, {file("d/.wh.a")}}, "d/ d/b d/s/ d/s/x f l->d"},
		"whiteout of a directory":        {[][]tar.Header{base, {file(".wh.d")}}, "f l->d"},
		"whiteout of nothing there":      {[][]tar.Header{base, {file("d/.wh.no"), file("no/.wh.x")}}, "d/ d/a d/b d/s/ d/s/x f l->d"},
		"whiteout, then anew":            {[][]tar.Header{base, {file(".wh.d"), dir("d"), file("d/n")}}, "d/ d/n f l->d"},
		"anew, then whiteout":            {[][]tar.Header{base, {dir("d"), file("d/n"), file(".wh.d")}}, "d/ d/n f l->d"},
		"opaque":                         {[][]tar.Header{base, {dir("d"), file("d/.wh..wh..opq"), file("d/n")}}, "d/ d/n f l->d"},
		"opaque last":                    {[][]tar.Header{base, {dir("d"), dir("d/s"), file("d/s/n"), file("d/.wh..wh..opq")}}, "d/ d/s/ d/s/n f l->d"},
		"whiteouts of the first layer":   {[][]tar.Header{{file("a"), file(".wh.a"), file(".wh..wh..opq")}}, "a"},
		"AUFS's own":                     {[][]tar.Header{{file("a"), dir(".wh..wh.plnk"), file(".wh..wh.plnk/1"), file(".wh..wh.aufs")}}, "a"},
		"directory in place of a file":   {[][]tar.Header{base, {dir("f"), file("f/g")}}, "d/ d/a d/b d/s/ d/s/x f/ f/g l->d"},
		"file in place of a directory":   {[][]tar.Header{base, {file("d")}}, "d f l->d"},
		"below a lower file":             {[][]tar.Header{base, {file("f/g")}}, "d/ d/a d/b d/s/ d/s/x f/ f/g l->d"},
		"below a lower link":             {[][]tar.Header{base, {file("l/g")}}, "d/ d/a d/b d/s/ d/s/x f l/ l/g"},
		"below a link of its own":        {[][]tar.Header{{dir("d"), link("l", "d"), file("l/g")}}, "d/ d/g l->d"},
		"below a link up and down":       {[][]tar.Header{{dir("d"), dir("e"), link("d/l", "../e/."), file("d/l/g")}}, "d/ d/l->../e/. e/ e/g"},
		"below a link of its own, later": {[][]tar.Header{base, {link("m", "d"), file("m/g")}}, "d/ d/a d/b d/g d/s/ d/s/x f l->d m->d"},
		"parents without entries":        {[][]tar.Header{{file("x/y/z")}}, "x/ x/y/ x/y/z"},
		"hard link to a lower layer":     {[][]tar.Header{base, {hard("h", "d/a")}}, "d/ d/a d/b d/s/ d/s/x f h l->d"},
		"hard link to a link":            {[][]tar.Header{{link("l", "/no"), hard("h", "l")}}, "h->/no l->/no"},
		"entry twice":                    {[][]tar.Header{{file("a"), dir("a"), file("a/b"), file("a")}}, "a"},
		"root by name":                   {[][]tar.Header{{dir("/"), dir("./"), file("./a")}}, "a"},
		"links that lead anywhere":       {[][]tar.Header{{link("a", "/etc/passwd"), link("b", "../../x")}}, "a->/etc/passwd b->../../x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var layers [][]byte
			for _, entries := range c.layers {
				layers = append(layers, archiveOf(t, entries...))
			}
			root, err := apply(t, Options{}, layers...)
			if err != nil {
				t.Fatal(err)
			}
			if got := tree(t, root); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAttributesAreKept(t *testing.T) {
	t.Parallel()
	when := time.Unix(1234567890, 123456789)
	stamp := func(h tar.Header, mode int64) tar.Header {
		h.ModTime, h.Mode, h.Format = when, mode, tar.FormatPAX
		return h
	}
	first := archiveOf(t, stamp(dir("."), 0o711), stamp(dir("d"), 0o1777), stamp(file("d/f"), 0o4755), stamp(file("d/g"), 0o6),
		stamp(link("d/l", "x"), 0o777), stamp(tar.Header{Name: "p", Typeflag: tar.TypeFifo}, 0o640))
	second := archiveOf(t, stamp(file("d/.wh.g"), 0), stamp(file("d/n"), 0o600))
	root, err := apply(t, Options{}, first, second)
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{
		".": 0o711 | os.ModeDir, "d": 0o777 | os.ModeDir | os.ModeSticky, "d/f": 0o755 | os.ModeSetuid,
		"d/l": 0o777 | os.ModeSymlink, "p": 0o640 | os.ModeNamedPipe, "d/n": 0o600,
	} {
		info, err := os.Lstat(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Mode() != mode || !info.ModTime().Equal(when) {
			t.Errorf("%s: %v of %v", name, info.Mode(), info.ModTime())
		}
	}
}

func TestPackedTreeIsTheSame(t *testing.T) {
	t.Parallel()
	when := time.Unix(1111111111, 5)
	var entries []tar.Header
	for _, h := range []tar.Header{dir("a"), file("a/f"), hard("a/h", "a/f"), link("s", "/nowhere"), {Name: "p", Typeflag: tar.TypeFifo}} {
		h.ModTime, h.Format = when, tar.FormatPAX
		entries = append(entries, h)
	}
	entries[1].PAXRecords = map[string]string{"SCHILY.xattr.user.berth": "value\x00\n"}
	source, err := apply(t, Options{}, archiveOf(t, entries...))
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	if err := Pack(context.Background(), source, &packed); err != nil {
		t.Fatal(err)
	}
	again, err := apply(t, Options{}, packed.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tree(t, again), tree(t, source); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	f, _ := os.Stat(filepath.Join(again, "a/f"))
	h, _ := os.Stat(filepath.Join(again, "a/h"))
	if f == nil || h == nil || !os.SameFile(f, h) || !f.ModTime().Equal(when) {
		t.Errorf("a/f and a/h: %v, %v", f, h)
	}
	var twice bytes.Buffer
	if err := Pack(context.Background(), again, &twice); err != nil || !bytes.Equal(stripRoot(packed.Bytes()), stripRoot(twice.Bytes())) {
		t.Errorf("packed again it is another archive; error %v", err)
	}
}

// stripRoot removes the entry of the root, whose time depends on the test.
func stripRoot(archive []byte) []byte {
	i := bytes.Index(archive, []byte("./a/"))
	return archive[max(i, 0):]
}

func TestCanceled(t *testing.T) {
	t.Parallel()
	r, err := NewRoot(t.TempDir(), Options{Limits: DefaultLimits})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(why)
	if err := r.Apply(ctx, "layer", bytes.NewReader(archiveOf(t, file("a")))); err != why {
		t.Errorf("error %v", err)
	}
}
