//go:build unix

package layer

import (
	"archive/tar"
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// FuzzApply unpacks any archive twice into one root. Nothing outside the root may change, and the
// files must stay within the limits.
func FuzzApply(f *testing.F) {
	for _, entries := range [][]tar.Header{
		{file("f")},
		{dir("d"), file("d/a"), link("l", "d"), file("l/b"), hard("h", "d/a")},
		{link("x", "/"), file("x/evil")},
		{link("x", "../.."), file("x/outside"), hard("y", "x/outside")},
		{file("/etc/passwd"), file("a/.wh.b"), file(".wh..wh..opq")},
		{link("a", "b"), link("b", "a"), file("a/f")},
		{{Name: "p", Typeflag: tar.TypeFifo}, {Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}},
		{{Name: "pax", Typeflag: tar.TypeReg, PAXRecords: map[string]string{"SCHILY.xattr.user.x": "y", "mtime": "1.5"}}},
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range entries {
			h.Mode, h.Uid, h.Gid = 0o755, os.Getuid(), os.Getgid()
			if err := w.WriteHeader(&h); err != nil {
				f.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	limits := Limits{File: 1 << 20, Total: 2 << 20, Entries: 1000}
	f.Fuzz(func(t *testing.T, data []byte) {
		base := t.TempDir()
		root := filepath.Join(base, "root")
		if err := os.Mkdir(root, 0o755); err != nil {
			t.Fatal(err)
		}
		outside := filepath.Join(base, "outside")
		if err := os.WriteFile(outside, []byte("untouched"), 0o600); err != nil {
			t.Fatal(err)
		}
		before, err := os.Stat(outside)
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewRoot(root, Options{Limits: limits})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for range 2 {
			if r.Apply(context.Background(), "layer", bytes.NewReader(data)) != nil {
				break
			}
		}
		names, _ := os.ReadDir(base)
		after, err := os.Lstat(outside)
		if err != nil || len(names) != 2 || after.Mode() != before.Mode() || !after.ModTime().Equal(before.ModTime()) || after.Size() != before.Size() || links(after) != 1 {
			t.Fatalf("outside: %v, %v, %v", names, after, err)
		}
		var size int64
		err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil //nolint:nilerr // without root, an image's directories may be closed
			}
			if info, err := d.Info(); err == nil && d.Type().IsRegular() {
				size += info.Size() / int64(links(info))
			} else if d.Type()&fs.ModeDevice != 0 {
				t.Errorf("device %s", path)
			}
			return nil
		})
		if err != nil || size > limits.Total+1<<12 {
			t.Errorf("%d bytes, %v", size, err)
		}
	})
}
