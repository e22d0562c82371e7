//go:build linux && testhost

package freebsd

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/freebsd/host"
)

// TestMountTargets checks that a mount stays in the root whatever links the root has, and that
// nothing is created outside.
func TestMountTargets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare, target string
		want            string // below the root; "" for a refusal
	}{
		"plain":                {"", "/a/b", "a/b"},
		"absolute link":        {"ln -s /etc a", "/a/b", "etc/b"},
		"link upwards":         {"ln -s ../../../../.. up", "/up/etc/x", "etc/x"},
		"dots":                 {"", "/../../etc/./x/", "etc/x"},
		"link to a link":       {"ln -s b a; ln -s /c b; mkdir c", "/a", "c"},
		"link to the outside":  {"ln -s /BOX/outside a", "/a/x", "BOX/outside/x"},
		"through a missing ..": {"", "/no/../etc", ""},
		"link in a circle":     {"ln -s a a", "/a", ""},
		"a file on the way":    {"echo >f", "/f/x", ""},
		"the root itself":      {"", "/", ""},
		"a link to the root":   {"ln -s / a", "/a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			b.sh("mkdir " + b.file("outside") + "; cd " + b.root() + "; " + strings.ReplaceAll(c.prepare, "BOX", strings.TrimPrefix(b.dir, "/")))
			b.config.Mounts = []specs.Mount{{Destination: c.target, Type: "tmpfs"}}
			b.bundle()
			if c.want == "" {
				b.refused("mounts[0] ("+c.target+")", "create", b.id)
				b.wantNoTraces()
				return
			}
			b.create()
			want := b.root(strings.ReplaceAll(c.want, "BOX", strings.TrimPrefix(b.dir, "/")))
			b.host(func(h *host.Host) {
				if len(h.Mounts) != 1 || h.Mounts[0].Target != want {
					t.Errorf("mounted: %+v, not at %s", h.Mounts, want)
				}
			})
			if entries, _ := os.ReadDir(b.file("outside")); len(entries) > 0 {
				t.Error("something was made outside of the root")
			}
			b.end()
		})
	}
}

func TestMounts(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.write("data/sub/file", "data\n")
	b.write("one", "one\n")
	b.sh("mkdir -p " + b.root("var/filled/deep") + "; cd " + b.root("var/filled") + "; echo x >deep/f; chmod 640 deep/f; chown 3:4 deep/f; ln -s deep/f l; mkfifo p")
	b.config.Mounts = []specs.Mount{
		{Destination: "/dev", Type: "devfs", Options: []string{"ruleset=4"}},
		{Destination: "/dev/fd", Type: "fdescfs", Options: []string{"linrdlnk"}},
		{Destination: "/proc", Type: "procfs"},
		{Destination: "/compat/linux/proc", Type: "linprocfs"},
		{Destination: "/compat/linux/sys", Type: "linsysfs", Options: []string{"ro"}},
		{Destination: "/mnt", Type: "nullfs", Source: b.file("data"), Options: []string{"ro", "noexec"}},
		{Destination: "/mnt/sub", Type: "tmpfs", Options: []string{"size=64k"}},
		{Destination: "/rel", Type: "nullfs", Source: "../data"},
		{Destination: "/var/filled", Type: "tmpfs", Options: []string{"tmpcopyup", "nodev"}},
		{Destination: "/new/file", Type: "nullfs", Source: b.file("one"), Options: []string{"ro"}},
	}
	b.config.Process.Args = []string{"sh", "-c", `cat /rel/sub/file /new/file; ls /mnt/sub; touch /mnt/x 2>/dev/null || echo ro
cd /var/filled; cat l; stat -c '%a %u %g' deep/f; ls; echo changed >deep/f; ls /dev`}
	_, out := b.run()
	want := "data\none\nro\nx\n640 3 4\ndeep\nl\nfd\nnull\nrandom\nurandom\nzero\n"
	if out != want {
		t.Errorf("got %q, want %q", out, want)
	}
	b.wantCalls("devfs rule -s 4 show",
		"mount -t devfs -o ruleset=4 devfs BOX/bundle/root/dev",
		"mount -t fdescfs -o linrdlnk fdescfs BOX/bundle/root/dev/fd",
		"mount -t procfs proc BOX/bundle/root/proc",
		"mount -t linprocfs linprocfs BOX/bundle/root/compat/linux/proc",
		"mount -t linsysfs -o ro linsysfs BOX/bundle/root/compat/linux/sys",
		"mount -t nullfs -o ro,noexec BOX/data BOX/bundle/root/mnt",
		"mount -t tmpfs -o size=64k tmpfs BOX/bundle/root/mnt/sub",
		"mount -t nullfs BOX/data BOX/bundle/root/rel",
		"mount -t tmpfs tmpfs BOX/bundle/root/var/filled",
		"mount -t nullfs -o ro BOX/one BOX/bundle/root/new/file",
		"jail -i -c name=ID path=BOX/bundle/root persist host=inherit ip4=inherit ip6=inherit enforce_statfs=1 allow.chflags allow.raw_sockets",
		"jail -R ID",
		"umount -f BOX/bundle/root/new/file",
		"umount -f BOX/bundle/root/var/filled",
		"umount -f BOX/bundle/root/rel",
		"umount -f BOX/bundle/root/mnt/sub",
		"umount -f BOX/bundle/root/mnt",
		"umount -f BOX/bundle/root/compat/linux/sys",
		"umount -f BOX/bundle/root/compat/linux/proc",
		"umount -f BOX/bundle/root/proc",
		"umount -f BOX/bundle/root/dev/fd",
		"umount -f BOX/bundle/root/dev")
	if data, _ := os.ReadFile(b.root("var/filled/deep/f")); string(data) != "x\n" {
		t.Error("tmpcopyup has changed the image")
	}
	b.wantNoTraces()
}

// TestFilesAsCopies checks that a kernel that cannot mount files gets copies, and that the image
// gets its files back.
func TestFilesAsCopies(t *testing.T) {
	t.Parallel()
	for _, readonly := range []bool{false, true} {
		b := newBox(t)
		b.host(func(h *host.Host) { h.NoFileMounts = true })
		b.write("hosts", "of the host\n")
		b.must(os.WriteFile(b.root("etc/hosts"), []byte("of the image\n"), 0o604))
		b.config.Root.Readonly = readonly
		b.config.Mounts = []specs.Mount{
			{Destination: "/etc/hosts", Type: "nullfs", Source: b.file("hosts")},
			{Destination: "/etc/new/hosts", Type: "nullfs", Source: b.file("hosts")},
		}
		b.config.Process.Args = []string{"cat", "/etc/hosts", "/etc/new/hosts"}
		if _, out := b.run(); out != "of the host\nof the host\n" {
			t.Errorf("got %q", out)
		}
		info, err := os.Stat(b.root("etc/hosts"))
		b.must(err)
		if data, _ := os.ReadFile(b.root("etc/hosts")); string(data) != "of the image\n" || info.Mode().Perm() != 0o604 {
			t.Errorf("the image's file is %q, %v afterwards", data, info.Mode())
		}
		b.wantNoTraces()
	}
}

// TestEmptyRuleset checks that an empty ruleset is refused, because the jail would see all devices.
func TestEmptyRuleset(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.config.Mounts = []specs.Mount{{Destination: "/dev", Type: "devfs", Options: []string{"ruleset=7"}}}
	b.bundle()
	b.refused("devfs ruleset 7 is empty", "create", b.id)
	b.wantNoTraces()
}

// TestMountsBefore checks that berth does not unmount what the engine has mounted.
func TestMountsBefore(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.sh("mount -t tmpfs engine " + b.root("tmp"))
	b.config.Mounts = []specs.Mount{{Destination: "/tmp", Type: "tmpfs"}}
	b.config.Process.Args = []string{"/bin/true"}
	b.host(func(h *host.Host) { h.FailAt, h.Fail = 1, host.Crash })
	b.bundle()
	if _, err := b.try("create", b.id); err == nil {
		t.Error("berth was not killed")
	}
	b.berth("delete", "--force", b.id)
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	b.must(err)
	if n := strings.Count(string(mounts), " "+b.root("tmp")+" "); n != 1 {
		t.Errorf("%d mounts, not the engine's one", n)
	}
	b.sh("umount " + b.root("tmp"))
	b.wantNoTraces()
}

// TestParents creates and deletes several containers of a pod at once in one parent.
func TestParents(t *testing.T) {
	t.Parallel()
	first := newBox(t)
	first.parent("pod")
	var all sync.WaitGroup
	for range 6 {
		b := newBox(t)
		// They share the host and the state directory.
		b.must(os.RemoveAll(b.file("host")))
		b.must(os.Symlink(first.file("host"), b.file("host")))
		b.must(os.RemoveAll(b.file("state")))
		b.must(os.Symlink(first.file("state"), b.file("state")))
		b.config.Annotations = map[string]string{"org.freebsd.parentJail": "pod"}
		b.config.Process.Args = []string{"/bin/true"}
		all.Go(func() {
			if status, out := b.run(); status != 0 {
				t.Errorf("status %d: %s", status, out)
			}
		})
	}
	all.Wait()
	first.removeParent("pod")
	first.wantNoTraces()
	left, _ := filepath.Glob(first.file("state/box-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestMountsOfItsOwn checks that delete unmounts what a jail has mounted itself, because nobody
// else would, and that earlier mounts stay.
func TestMountsOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, readonly := range []bool{false, true} {
		b := newBox(t)
		b.sh("mkdir " + b.root("engine") + "; mount -t tmpfs engine " + b.root("engine"))
		b.config.Root.Readonly = readonly
		b.config.Mounts = []specs.Mount{{Destination: "/tmp", Type: "tmpfs"}}
		b.config.FreeBSD = &specs.FreeBSD{Jail: &specs.FreeBSDJail{Allow: &specs.FreeBSDJailAllow{Mount: []string{"tmpfs"}}}}
		b.config.Process.Args = []string{"/bin/sleep", "1000"}
		pid := b.create()
		root := b.root()
		if readonly {
			root = b.file("state/@roots/" + b.id)
		}
		for _, dir := range []string{"tmp/own", "tmp"} {
			target := filepath.Join(root, dir)
			b.must(os.MkdirAll(target, 0o755))
			b.sh("mount -t tmpfs own " + target)
			b.host(func(h *host.Host) {
				h.Mounts = append(h.Mounts, host.Mount{Kind: "tmpfs", Source: "own", Target: target})
			})
		}
		b.berth("delete", "--force", b.id)
		b.wait(pid)
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		b.must(err)
		if n := strings.Count(string(mounts), " "+b.root("engine")+" "); n != 1 {
			t.Errorf("the engine's mount is there %d times", n)
		}
		b.sh("umount " + b.root("engine"))
		b.wantNoTraces()
	}
}
