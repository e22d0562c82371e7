package rootfs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	securejoin "github.com/cyphar/filepath-securejoin"
	"golang.org/x/sys/unix"
)

// The tests here compare tree.open with a resolver of somebody else: securejoin.OpenatInRoot of
// pathrs-lite, which lets the kernel resolve the path where it can (openat2(2), RESOLVE_IN_ROOT),
// and follows no magic links either.

// TestResolveSame compares the resolvers in random trees.
func TestResolveSame(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		data := make([]byte, 20+random.IntN(180))
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		sameInTree(t, data)
		if t.Failed() {
			t.Fatalf("%x", data)
		}
	}
}

func FuzzResolve(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09"))
	f.Add([]byte("some links, and some names to look up in between"))
	f.Fuzz(func(t *testing.T, data []byte) { sameInTree(t, data) })
}

// choices takes decisions from bytes, and nothing but 0 when these are used up.
type choices []byte

func (c *choices) of(n int) int {
	if len(*c) == 0 {
		return 0
	}
	b := (*c)[0]
	*c = (*c)[1:]
	return int(b) % n
}

// name returns a path of up to four components, most of which can exist.
func (c *choices) name() string {
	parts := make([]string, 1+c.of(4))
	for i := range parts {
		parts[i] = []string{"a", "b", "c", "..", "a", "b", ".", "", "d", "..", "l", "m"}[c.of(12)]
	}
	return strings.Repeat("/", c.of(2)) + strings.Join(parts, "/")
}

// grow makes files, directories and links in a directory, in which names are those of choices.name.
func (c *choices) grow(t *testing.T, dir string) {
	dirs := []string{dir}
	for range 4 + c.of(12) {
		at := filepath.Join(dirs[c.of(len(dirs))], []string{"a", "b", "c", "l", "m"}[c.of(5)])
		var err error
		switch c.of(5) {
		case 0, 1:
			if err = os.Mkdir(at, 0o755); err == nil {
				dirs = append(dirs, at)
			}
		case 2:
			var fd int
			if fd, err = unix.Open(at, unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600); err == nil {
				unix.Close(fd)
			}
		default:
			target := c.name()
			if target == "" {
				target = "." // a link cannot be empty
			}
			err = os.Symlink(target, at)
		}
		if err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
	}
}

// sameInTree makes a tree and resolves paths in it, as data says. What is outside the root has the
// same names, and is never to be found.
func sameInTree(t *testing.T, data []byte) {
	outside := t.TempDir()
	root := filepath.Join(outside, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "l"} {
		if err := os.Mkdir(filepath.Join(outside, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := choices(data)
	c.grow(t, root)
	dir, err := os.OpenFile(root, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for range 20 {
		name := c.name()
		same(t, dir, name)
		made(t, dir, name)
	}
}

// same checks that both resolvers find the same file, or fail for the same reason. open cleans a
// path first, as runc does: only in the target of a link ".." follows links.
func same(t *testing.T, dir *os.File, name string) {
	t.Helper()
	sameFollowing(t, dir, name)
	compare(t, dir, name, lookup{nofollow: true}, func(clean string) (*os.File, error) {
		fd, err := unix.Openat2(int(dir.Fd()), clean, &unix.OpenHow{
			Flags: unix.O_PATH | unix.O_CLOEXEC | unix.O_NOFOLLOW, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
		return os.NewFile(uintptr(fd), clean), err
	})
}

func sameFollowing(t *testing.T, dir *os.File, name string) {
	t.Helper()
	compare(t, dir, name, lookup{}, func(clean string) (*os.File, error) { return securejoin.OpenatInRoot(dir, clean) })
}

func compare(t *testing.T, dir *os.File, name string, how lookup, open func(clean string) (*os.File, error)) {
	t.Helper()
	want, wantErr := open(path.Clean("/" + name))
	// The kernel gives up "..", and OpenatInRoot after some tries, while anything on the host is
	// renamed or mounted.
	for errors.Is(wantErr, unix.EAGAIN) || wantErr != nil && errno(wantErr) == nil {
		time.Sleep(time.Millisecond)
		want, wantErr = open(path.Clean("/" + name))
	}
	if wantErr == nil {
		defer want.Close()
	}
	got, err := tree(dir.Fd()).open(name, how)
	if err == nil {
		defer unix.Close(got.fd)
	}
	if (err == nil) != (wantErr == nil) || !errors.Is(err, errno(wantErr)) {
		t.Errorf("%q, %+v: %v, want %v", name, how, err, wantErr)
	}
	if err != nil || wantErr != nil {
		return
	}
	if is, should := inode(t, got.fd), inode(t, int(want.Fd())); is != should {
		t.Errorf("%q, %+v: found %s, which is inode %s, want %s", name, how, got.real, is, should)
	}
}

// made checks that what open makes is in the root, and at the path that it tells.
func made(t *testing.T, dir *os.File, name string) {
	t.Helper()
	got, err := tree(dir.Fd()).open(name, lookup{missing: missingDir})
	if err != nil {
		return
	}
	defer unix.Close(got.fd)
	fd, err := unix.Openat2(int(dir.Fd()), "."+got.real, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS})
	if err != nil {
		t.Errorf("%q: made %s: %v", name, got.real, err)
		return
	}
	defer unix.Close(fd)
	if is, should := inode(t, got.fd), inode(t, fd); is != should {
		t.Errorf("%q: made inode %s, and %s is %s", name, is, got.real, should)
	}
	same(t, dir, name)
}

func inode(t *testing.T, fd int) string {
	t.Helper()
	st, err := fstat(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// errno returns the error number that an error wraps, or nil.
func errno(err error) error {
	var n unix.Errno
	if errors.As(err, &n) {
		return n
	}
	return nil
}

// TestResolveProc compares the resolvers on the links of a procfs, some of which are magic.
func TestResolveProc(t *testing.T) {
	t.Parallel()
	dir, err := os.OpenFile("/proc", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for _, name := range []string{
		"self", "self/", "self/status", "thread-self/comm", "mounts", "net/dev", "self/exe", "self/cwd", "self/cwd/x", "self/root",
		"self/root/proc", "self/fd/0", "self/ns/mnt", "self/ns/net/x", "self/task/../status", "none", "self/none", "../../self/comm",
		fmt.Sprintf("%d/fd/%d", os.Getpid(), dir.Fd()), fmt.Sprintf("self/map_files/%s", "0-0"),
	} {
		sameFollowing(t, dir, name)
	}
}

// TestResolveLinks compares the resolvers at the kernel's limits.
func TestResolveLinks(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	symlink(t, "self", filepath.Join(root, "self"))
	for i := range 45 {
		symlink(t, fmt.Sprint(i+1), filepath.Join(root, fmt.Sprint(i)))
	}
	mkdir(t, filepath.Join(root, "45"))
	dir, err := os.OpenFile(root, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for i := range 46 {
		same(t, dir, fmt.Sprint(i))
	}
	for _, name := range []string{"self", "self/x", "0/../45", "45/x", strings.Repeat("n", 255), strings.Repeat("n", 256), "", "/", "..", strings.Repeat("a/", 2046), strings.Repeat("a/", 2100)} {
		same(t, dir, name)
	}
}
