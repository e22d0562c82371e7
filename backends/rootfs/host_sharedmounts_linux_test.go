package rootfs

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAttachment checks that Detach unmounts only what was mounted on top of the recorded mount.
func TestAttachment(t *testing.T) {
	t.Parallel()
	inPrivateMounts(t, func() {
		ns, err := os.Open("/proc/thread-self/ns/mnt")
		if err != nil {
			t.Error(err)
			return
		}
		defer ns.Close()
		dir := t.TempDir()
		link, engines := filepath.Join(dir, "link"), filepath.Join(dir, "root")
		mark := func(name string) string { return filepath.Join(engines, name) }
		if err := os.Mkdir(engines, 0o755); err != nil {
			t.Error(err)
		}
		if err := os.Symlink("root", link); err != nil {
			t.Error(err)
		}
		there := func(name string) bool { _, err := os.Stat(mark(name)); return err == nil }
		put := func(name string) {
			err := unix.Mount("x", engines, "tmpfs", 0, "")
			if err == nil {
				err = os.WriteFile(mark(name), nil, 0o600)
			}
			if err != nil {
				t.Error(err)
			}
		}
		for _, before := range []string{"", "engine's"} {
			if before != "" {
				put(before)
			}
			a, err := FindAttachment(ns, link)
			if err != nil || a.At != engines {
				t.Errorf("%+v, %v", a, err)
			}
			for _, made := range []bool{false, true, false} {
				if made {
					put("ours")
				}
				if err := a.Detach(ns); err != nil {
					t.Error(err)
				}
				if there("ours") || before != "" && !there(before) {
					t.Errorf("with %q before: ours is there: %v, the other one: %v", before, there("ours"), there(before))
				}
			}
		}
		lower, err := FindAttachment(ns, engines)
		if err != nil {
			t.Error(err)
		}
		put("lower")
		upper, err := FindAttachment(ns, engines)
		if err != nil {
			t.Error(err)
		}
		put("upper")
		if err := lower.Detach(ns); err == nil || !there("upper") {
			t.Errorf("the lower one of two: %v, the upper one is there: %v", err, there("upper"))
		}
		if err := upper.Detach(ns); err != nil || !there("lower") {
			t.Errorf("the upper one of two: %v, the lower one is there: %v", err, there("lower"))
		}
		if err := lower.Detach(ns); err != nil || there("lower") || !there("engine's") {
			t.Errorf("the lower one, alone: %v", err)
		}
		a, err := FindAttachment(ns, engines)
		if err != nil {
			t.Error(err)
		}
		if err := unix.Unmount(engines, 0); err != nil {
			t.Error(err)
		}
		if err := a.Detach(ns); err != nil {
			t.Errorf("the engine's has gone: %v", err)
		}
		put("another")
		if err := a.Detach(ns); err != nil || !there("another") {
			t.Errorf("the engine has mounted another one: %v, it is there: %v", err, there("another"))
		}
		if err := unix.Unmount(engines, 0); err != nil {
			t.Error(err)
		}
		if err := os.Remove(engines); err != nil {
			t.Error(err)
		}
		if err := a.Detach(ns); err != nil {
			t.Errorf("the directory has gone: %v", err)
		}
		if _, err := FindAttachment(ns, "/"); err == nil {
			t.Error("the root directory can be covered")
		}
	})
}
