//go:build cgo

package seccomp

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func cached(t testing.TB, s *specs.LinuxSeccomp, dir string) *Filter {
	t.Helper()
	f, err := Cached(s, dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// entry returns the path of the only file of a cache.
func entry(t testing.TB, dir string) string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("the cache holds %v, %v; want one file", files, err)
	}
	return filepath.Join(dir, files[0].Name())
}

func TestCached(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "cache")
	want := compile(t, moderate(t))
	for range 2 {
		if got := cached(t, moderate(t), dir); !reflect.DeepEqual(got, want) {
			t.Fatal("the cached filter is not the compiled one")
		}
	}
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("cache directory: %v, %v; want mode 0700", st, err)
	}
	if st, err := os.Stat(entry(t, dir)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("entry: %v, %v; want mode 0600", st, err)
	}
}

// TestCacheIsUsed distinguishes a cache hit from a compilation by a valid entry with a different
// filter.
func TestCacheIsUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := moderate(t)
	key, err := cacheKey(s)
	if err != nil {
		t.Fatal(err)
	}
	cached(t, s, dir)
	mark := &Filter{Flags: 2, Program: bytes.Repeat([]byte{6}, 16), Listener: true}
	if err := os.WriteFile(entry(t, dir), formatEntry(mark, key), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := cached(t, s, dir); !reflect.DeepEqual(got, mark) {
		t.Errorf("got a compiled filter, want that of the entry")
	}
}

func TestDamagedEntries(t *testing.T) {
	t.Parallel()
	s := moderate(t)
	want := compile(t, s)
	for _, tt := range []struct {
		name   string
		damage func(data []byte) []byte
	}{
		{"empty", func([]byte) []byte { return nil }},
		{"cut short", func(d []byte) []byte { return d[:len(d)-8] }},
		{"cut within the head", func(d []byte) []byte { return d[:40] }},
		{"longer", func(d []byte) []byte { return append(d, 0, 0, 0, 0, 0, 0, 0, 0) }},
		{"a bit of the program", func(d []byte) []byte { d[len(d)-5] ^= 1; return d }},
		{"a bit of the flags", func(d []byte) []byte { d[entryHead-8] ^= 1; return d }},
		{"a bit of the digest", func(d []byte) []byte { d[60] ^= 1; return d }},
		{"of another profile", func(d []byte) []byte { d[20] ^= 1; return d }},
		{"too long", func(d []byte) []byte { return make([]byte, entryMax+1) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cached(t, s, dir)
			name := entry(t, dir)
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			good := bytes.Clone(data)
			if err := os.WriteFile(name, tt.damage(data), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := cached(t, s, dir); !reflect.DeepEqual(got, want) {
				t.Error("a damaged entry was used")
			}
			if data, err := os.ReadFile(name); err != nil || !bytes.Equal(data, good) {
				t.Errorf("the entry was not made anew: %v", err)
			}
		})
	}
}

func TestKeysDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name, s := range map[string]*specs.LinuxSeccomp{
		"plain":       {DefaultAction: specs.ActAllow},
		"empty flags": {DefaultAction: specs.ActAllow, Flags: []specs.LinuxSeccompFlag{}},
		"flag":        {DefaultAction: specs.ActAllow, Flags: []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog}},
		"errno":       {DefaultAction: specs.ActErrno},
		"errno 0":     {DefaultAction: specs.ActErrno, DefaultErrnoRet: ptr(0)},
		"arch":        {DefaultAction: specs.ActAllow, Architectures: []specs.Arch{specs.ArchX86}},
		"rule":        {DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{rule(specs.ActErrno, "read")}},
		"other rule":  {DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{rule(specs.ActErrno, "write")}},
	} {
		key, err := cacheKey(s)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[string(key[:])]; ok {
			t.Errorf("%s and %s have the same key", name, other)
		}
		seen[string(key[:])] = name
	}
}

// TestUntrustedDirectories checks that nothing is read from or written to a directory that others
// can write to, or a link to one.
func TestUntrustedDirectories(t *testing.T) {
	t.Parallel()
	open := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(t.TempDir(), "foreign")
	if err := os.Mkdir(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(foreign, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	target := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{open, foreign, link} {
		cached(t, moderate(t), dir)
	}
	for _, dir := range []string{open, foreign, target} {
		if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
			t.Errorf("%s holds %v, %v; want nothing", dir, files, err)
		}
	}
}

func TestCacheStaysSmall(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range uint(4) {
		wg.Go(func() {
			for j := range uint(storeFull) {
				s := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: ptr(1 + i*storeFull + j)}
				if f, err := Cached(s, dir); err != nil || f.check() != nil {
					t.Errorf("Cached: %v", err)
				}
			}
		})
	}
	wg.Wait()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) > storeFull+4 || len(files) < storeFull/4 {
		t.Errorf("the cache holds %d files, %v; want some %d", len(files), err, storeFull)
	}
}

func BenchmarkCompile(b *testing.B) {
	s := moderate(b)
	for b.Loop() {
		compile(b, s)
	}
}

func BenchmarkCached(b *testing.B) {
	dir, s := b.TempDir(), moderate(b)
	cached(b, s, dir)
	for b.Loop() {
		cached(b, s, dir)
	}
}

func ExampleCompile() {
	_, err := Compile(&specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_ASK"})
	fmt.Println(err)
	// Output: linux.seccomp.defaultAction: unknown action "SCMP_ACT_ASK"
}
