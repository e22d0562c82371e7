package layer

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func node(name string, kind byte, major, minor int64) tar.Header {
	return tar.Header{Name: name, Typeflag: kind, Devmajor: major, Devminor: minor, Mode: 0o640}
}

// TestDevices makes device nodes, as --devices asks for, and packs them again.
func TestDevices(t *testing.T) {
	t.Parallel()
	entries := []tar.Header{node("null", tar.TypeChar, 1, 3), node("disk", tar.TypeBlock, 8, 17), node("far", tar.TypeChar, 0xfff, 0xfffff), node("null", tar.TypeChar, 5, 2)}
	root, err := apply(t, Options{Devices: true}, archiveOf(t, entries...))
	if err != nil {
		t.Fatal(err)
	}
	check := func(root string) {
		t.Helper()
		for name, want := range map[string]string{"null": "20640 5:2", "disk": "60640 8:17", "far": "20640 4095:1048575"} {
			var st unix.Stat_t
			if err := unix.Lstat(filepath.Join(root, name), &st); err != nil {
				t.Error(err)
			} else if got := fmt.Sprintf("%o %d:%d", st.Mode, unix.Major(st.Rdev), unix.Minor(st.Rdev)); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
	check(root)
	var packed bytes.Buffer
	if err := Pack(context.Background(), root, &packed); err != nil {
		t.Fatal(err)
	}
	if _, err := apply(t, Options{}, packed.Bytes()); err == nil || !strings.Contains(err.Error(), "device node") {
		t.Errorf("packed, without --devices: %v", err)
	}
	if root, err = apply(t, Options{Devices: true}, packed.Bytes()); err != nil {
		t.Fatal(err)
	}
	check(root)
	for _, h := range []tar.Header{node("x", tar.TypeChar, 0x1000, 0), node("x", tar.TypeBlock, 0, 0x100000), node("x", tar.TypeChar, 1<<40, 0)} {
		if _, err := apply(t, Options{Devices: true}, archiveOf(t, h)); err == nil || !strings.Contains(err.Error(), "is not valid") {
			t.Errorf("%d:%d: %v", h.Devmajor, h.Devminor, err)
		}
	}
}

// TestXattrs checks which extended attributes an image may set, and that a lower layer's do not
// stay on a directory that an upper layer has.
func TestXattrs(t *testing.T) {
	t.Parallel()
	with := func(h tar.Header, list ...string) tar.Header {
		h.Format, h.PAXRecords = tar.FormatPAX, map[string]string{}
		for _, pair := range list {
			name, value, _ := strings.Cut(pair, "=")
			h.PAXRecords[xattrRecord+name] = value
		}
		return h
	}
	// A capability of setcap(8): cap_net_raw=ep, revision 2.
	capability := "security.capability=" + string([]byte{1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	long := "user.long=" + strings.Repeat("x", 2000)
	first := archiveOf(t, with(dir("d"), "user.a=1", "user.b=2", "trusted.c=3"),
		with(file("f"), capability, long, "security.selinux=evil", "user.overlay.whiteout=y", "trusted.overlay.opaque=y", "system.nfs4_acl=x", "nonsense=z"))
	second := archiveOf(t, with(dir("d"), "user.b=4", "user.new=5"))
	third := archiveOf(t, dir("d"))
	for name, c := range map[string]struct {
		layers [][]byte
		d      string
	}{
		"one layer":    {[][]byte{first}, "trusted.c=3 user.a=1 user.b=2"},
		"two layers":   {[][]byte{first, second}, "user.b=4 user.new=5"},
		"three layers": {[][]byte{first, second, third}, ""},
	} {
		root, err := apply(t, Options{}, c.layers...)
		if err != nil {
			t.Fatal(err)
		}
		if got := attributes(t, filepath.Join(root, "d")); got != c.d {
			t.Errorf("%s: %q, want %q", name, got, c.d)
		}
		if got, want := attributes(t, filepath.Join(root, "f")), capability+" "+long; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		var packed bytes.Buffer
		if err := Pack(context.Background(), root, &packed); err != nil {
			t.Fatal(err)
		}
		again, err := apply(t, Options{}, packed.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"d", "f"} {
			if got, want := attributes(t, filepath.Join(again, name)), attributes(t, filepath.Join(root, name)); got != want {
				t.Errorf("packed and unpacked, %s has %q and not %q", name, got, want)
			}
		}
	}
	// The host's own attributes on the bundle's directory stay.
	top := t.TempDir()
	if err := unix.Setxattr(top, "security.berth", []byte("host"), 0); err != nil {
		t.Fatal(err)
	}
	r, err := NewRoot(top, Options{Limits: DefaultLimits})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Apply(context.Background(), "layer", bytes.NewReader(archiveOf(t, dir(".")))); err != nil {
		t.Fatal(err)
	}
	if got := attributes(t, top); got != "security.berth=host" {
		t.Errorf("%q", got)
	}
}

// attributes returns the extended attributes of a file, sorted.
func attributes(t *testing.T, path string) string {
	t.Helper()
	names, err := listXattrs(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, name := range names {
		value, err := getXattr(path, name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// TestOwners checks owners that no kernel has, and that names in an archive do not count.
func TestOwners(t *testing.T) {
	t.Parallel()
	owned := func(uid, gid int) tar.Header {
		return tar.Header{Name: "f", Typeflag: tar.TypeReg, Uid: uid, Gid: gid, Uname: "root", Gname: "root", Format: tar.FormatPAX}
	}
	root, err := apply(t, Options{}, archiveOf(t, owned(1<<32-2, 7)))
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(root, "f"), &st); err != nil || st.Uid != 1<<32-2 || st.Gid != 7 {
		t.Errorf("%d:%d, %v", st.Uid, st.Gid, err)
	}
	for _, h := range []tar.Header{owned(1<<32-1, 7), owned(7, 1<<32-1), owned(1<<40, 7), owned(-1, 7), owned(7, -1)} {
		if _, err := apply(t, Options{}, unclosed(t, []tar.Header{h})); err == nil || !strings.Contains(err.Error(), "is not a valid uid and gid") {
			t.Errorf("%d:%d: %v", h.Uid, h.Gid, err)
		}
	}
}

// TestPackLeavesOut checks what is not in the archive of a directory: sockets, what is mounted
// below, and the host's attributes.
func TestPackLeavesOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: filepath.Join(dir, "socket")}); err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	if err := Pack(context.Background(), dir, &packed); err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(&packed); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
	if !slices.Equal(names, []string{"./", "./file"}) {
		t.Errorf("%q", names)
	}
	canceled, cancel := context.WithCancelCause(context.Background())
	why := errors.New("enough")
	cancel(why)
	if err := Pack(canceled, dir, io.Discard); !errors.Is(err, why) {
		t.Errorf("canceled: %v", err)
	}
	if err := Pack(context.Background(), filepath.Join(dir, "file"), io.Discard); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a file: %v", err)
	}
	if err := Pack(context.Background(), dir, failing{}); !errors.Is(err, errFull) {
		t.Errorf("a disk that is full: %v", err)
	}
	// /dev has another file system at /dev/pts, of which only the directory is packed.
	packed.Reset()
	if err := Pack(context.Background(), "/dev", &packed); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(packed.Bytes(), []byte("./pts/ptmx")) || !bytes.Contains(packed.Bytes(), []byte("./pts/")) {
		t.Error("what is mounted below is packed, or its directory is not")
	}
}

var errFull = errors.New("the disk is full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }

func TestTimespec(t *testing.T) {
	t.Parallel()
	for want, when := range map[string]time.Time{
		"0.000000000":            {},
		"1234567890.123456789":   time.Unix(1234567890, 123456789),
		"-1.000000005":           time.Unix(-1, 5),
		"253402300800.000000000": time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		ts := timespec(when)
		if got := fmt.Sprintf("%d.%09d", ts.Sec, ts.Nsec); got != want {
			t.Errorf("%v: %s, want %s", when, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1 << 20: "1.0 MiB", 5 << 29: "2.5 GiB", 3 << 40: "3.0 TiB", math.MaxInt64: "8388608.0 TiB", -5: "-5 B",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

// TestBudget checks each limit at its edge.
func TestBudget(t *testing.T) {
	t.Parallel()
	b := budget{limits: Limits{File: 10, Total: 25, Entries: 2}}
	for n, c := range []struct {
		err  error
		want bool // it is within the limits
	}{
		{b.file(10), true}, {b.file(11), false}, {b.file(10), true}, {b.file(5), true}, {b.file(1), false},
		{b.entry(), true}, {b.entry(), true}, {b.entry(), false},
		{b.stream(int(b.limits.Stream())), true}, {b.stream(0), true}, {b.stream(1), false},
	} {
		if (c.err == nil) != c.want || c.err != nil && !errors.Is(c.err, ErrTooLarge) {
			t.Errorf("step %d: %v", n, c.err)
		}
	}
	if got := (Limits{Total: 800}).Stream(); got != 900+1<<20 {
		t.Errorf("%d", got)
	}
	if got := (Limits{Total: math.MaxInt64}).Stream(); got != math.MaxInt64 {
		t.Errorf("%d", got)
	}
	if err := ownerError(os.ErrPermission); os.Geteuid() == 0 && err != os.ErrPermission {
		t.Errorf("%v", err)
	}
}
