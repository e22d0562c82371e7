package jail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
)

// TestFileMounts mounts a file. A kernel before FreeBSD 14 refuses that, and the file is copied, be
// there one in its place or not. Delete puts everything back.
func TestFileMounts(t *testing.T) {
	t.Parallel()
	const refusing = `case "$line" in "mount -t nullfs "*hosts) no "$4: Not a directory";; esac`
	for name, c := range map[string]struct {
		rules, old string
		mounted    bool
	}{
		"a mount":             {old: "old\n", mounted: true},
		"a mount on nothing":  {mounted: true},
		"a copy":              {rules: refusing, old: "old\n"},
		"a copy over nothing": {rules: refusing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFake(t)
			h.write("hosts", "new\n")
			if c.rules != "" {
				h.write("rules", c.rules)
			}
			box, s := h.container(`"mounts":[{"destination":"/etc/hosts","type":"nullfs","source":"DIR/hosts"}]`)
			if err := os.Mkdir(filepath.Join(box.Rootfs, "etc"), 0o755); err != nil {
				t.Fatal(err)
			}
			hosts := "bundle/rootfs/etc/hosts"
			if c.old != "" {
				h.write(hosts, c.old)
			}
			if _, _, err := h.create(box, s); err != nil {
				t.Fatal(err)
			}
			if text := h.read(hosts); text != "new\n" {
				t.Errorf("inside is %q", text)
			}
			d, err := data(box)
			if err != nil || (len(d.Mounts) == 1) != c.mounted || (len(d.Files) == 1) == c.mounted {
				t.Errorf("%+v, %v", d, err)
			}
			if err := h.backend.CheckRecord(box); err != nil {
				t.Error(err)
			}
			if err := h.backend.Delete(context.Background(), box, true); err != nil {
				t.Fatal(err)
			}
			if text := h.read(hosts); text != c.old {
				t.Errorf("left is %q", text)
			}
		})
	}
}

// TestMountFails checks mounts that create refuses, and such that fail on the way.
func TestMountFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config, rules string
		want          string // within the error
		after         func(h *fakeHost)
	}{
		"the root itself": {config: `"mounts":[{"destination":"/./","type":"tmpfs"}]`, want: "mounts[0] (/./): cannot be mounted on the root itself"},
		"a file on a directory": {config: `"mounts":[{"destination":"/dev","type":"nullfs","source":"DIR/file"}]`,
			want: "mounts[0] (/dev): DIR/bundle/rootfs/dev: the source and the mount point must both be directories, or neither"},
		"a directory on a file": {config: `"mounts":[{"destination":"/bin/sh","type":"tmpfs"}]`,
			want: "mounts[0] (/bin/sh): DIR/bundle/rootfs/bin/sh: the source and the mount point must both be directories, or neither"},
		"below a file": {config: `"mounts":[{"destination":"/bin/sh/x","type":"tmpfs"}]`, want: "mounts[0] (/bin/sh/x): /bin/sh/x in DIR/bundle/rootfs: not a directory"},
		"no source":    {config: `"mounts":[{"destination":"/d","type":"nullfs","source":"DIR/none"}]`, want: "mounts[0] (/d): stat DIR/none: no such file or directory"},
		"an empty ruleset": {config: `"mounts":[{"destination":"/dev","type":"devfs","options":["ruleset=8"]}]`,
			want: "mounts[0] (/dev): devfs ruleset 8 is empty, so the jail would see all devices of the host: "},
		"mounted elsewhere": {config: `"mounts":[{"destination":"/dev","type":"tmpfs"}]`, rules: `case "$line" in "mount "*) exit 0;; esac`,
			want: "mounts[0] (/dev): nothing was mounted on DIR/bundle/rootfs/dev: the directory was moved meanwhile"},
		"a rule": {config: `"mounts":[{"destination":"/dev","type":"devfs","options":["rule=path pf unhide"]}]`, rules: `case "$line" in "devfs -m "*) no "invalid";; esac`,
			want: "mounts[0] (/dev): devfs -m DIR/bundle/rootfs/dev rule apply path pf unhide: devfs: invalid"},
		"not unmounted": {config: `"mounts":[{"destination":"/dev","type":"tmpfs"},{"destination":"/d","type":"nullfs","source":"DIR/none"}]`,
			rules: `case "$line" in "umount "*) exit 0;; esac`, want: "DIR/bundle/rootfs/dev is still mounted after umount",
			after: func(h *fakeHost) {
				if err := unix.Unmount(filepath.Join(h.dir, "bundle/rootfs/dev"), 0); err != nil {
					h.Error(err)
				}
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFake(t)
			h.write("file", "")
			if c.rules != "" {
				h.write("rules", c.rules)
			}
			box, s := h.container(c.config)
			before := h.left()
			_, _, err := h.create(box, s)
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), h.dir, "DIR"), c.want) {
				t.Errorf("%v\nwant: %s", err, c.want)
			}
			if errors.Is(err, backends.ErrLeftBehind) != (c.after != nil) {
				t.Errorf("left behind: %v", err)
			}
			if c.after != nil {
				c.after(h)
			}
			if err := os.RemoveAll(filepath.Join(box.Rootfs, "d")); err != nil {
				t.Error(err)
			}
			h.clean(box, before)
		})
	}
}

// TestMounter checks that Delete unmounts what a jail that may mount has mounted itself, but
// nothing that was there before create.
func TestMounter(t *testing.T) {
	t.Parallel()
	h := newFake(t)
	box, s := h.container(`"freebsd":{"jail":{"allow":{"mount":["tmpfs"]}}}`)
	for _, name := range []string{"before", "inside", "inside/deep"} {
		dir := filepath.Join(box.Rootfs, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mount := func(name string) string {
		target := filepath.Join(box.Rootfs, name)
		if err := os.MkdirAll(target, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("tmpfs", target, "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		return target
	}
	before := mount("before")
	if _, _, err := h.create(box, s); err != nil {
		t.Fatal(err)
	}
	mount("inside")
	mount("inside/deep")
	if err := h.backend.Delete(context.Background(), box, true); err != nil {
		t.Fatal(err)
	}
	points, err := below(box.Rootfs)
	if err != nil || fmt.Sprint(points) != "["+before+"]" {
		t.Errorf("%q, %v", points, err)
	}
	if err := unix.Unmount(before, 0); err != nil {
		t.Error(err)
	}
}

// TestClaim checks that create takes no jail over.
func TestClaim(t *testing.T) {
	t.Parallel()
	h := newFake(t)
	h.write("state/jail.box", "3 /other\n")
	box, s := h.container("")
	before := h.left()
	if _, _, err := h.create(box, s); err == nil || !strings.HasPrefix(err.Error(), `a jail with the name "box" exists already`) {
		t.Error(err)
	}
	h.clean(box, before)
	_, err := os.Lstat(filepath.Join(box.Dir, copyFile))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a record was written: %v", err)
	}
	for want, o := range map[string]backends.CreateOptions{
		"--pidfd-socket: ": {PidfdSocket: "/s"}, "--preserve-fds": {PreserveFDs: 1 << 20},
	} {
		h := newFake(t)
		box, s := h.container("")
		err := h.backend.Create(context.Background(), box, s, o, func() error { return nil })
		if err == nil || !strings.Contains(err.Error(), want) || len(h.log()) > 0 {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
