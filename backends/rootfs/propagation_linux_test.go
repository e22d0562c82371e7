package rootfs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/osthread"
)

// inPrivateMounts runs f on a thread with its own mount namespace, where f can mount on "the host"
// without touching the real one. Child processes of f start in that namespace.
func inPrivateMounts(t *testing.T, f func()) {
	t.Helper()
	err := osthread.Run(func() error {
		if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
			return err
		}
		if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
			return err
		}
		f()
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func hostMount(t *testing.T, source, target, typ string, flags uintptr) {
	t.Helper()
	if err := unix.Mount(source, target, typ, flags, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(filepath.Join(target, "x")) })
}

func hostRemount(t *testing.T, target string, options ...string) {
	t.Helper()
	if err := unix.Mount("", target, "", uintptr(parseOptions(options).flags)|unix.MS_REMOUNT|unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
}

// TestPropagation bind mounts a shared mount of the host with every rootfsPropagation and
// propagation option. host is true if a mount made in the container appears on the host.
func TestPropagation(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		root    string
		options []string
		userns  bool
		want    string // mountinfo's words for the bind mount
		rootIs  string
		host    bool
	}{
		{"", nil, false, "rw,relatime master - tmpfs", "", false},
		{"", []string{"rprivate"}, false, "rw,relatime - tmpfs", "", false},
		{"", []string{"rslave"}, false, "rw,relatime master - tmpfs", "", false},
		{"", []string{"rshared"}, false, "rw,relatime shared master - tmpfs", "", false},
		{"rslave", nil, false, "rw,relatime master - tmpfs", "", false},
		{"slave", nil, false, "rw,relatime master - tmpfs", "", false},
		{"private", nil, false, "rw,relatime - tmpfs", "", false},
		{"rprivate", []string{"shared"}, false, "rw,relatime shared - tmpfs", "", false},
		{"shared", nil, false, "rw,relatime shared - tmpfs", "shared", true},
		{"rshared", nil, false, "rw,relatime shared - tmpfs", "shared", true},
		{"rshared", []string{"rslave"}, false, "rw,relatime shared master - tmpfs", "shared", false},
		{"rshared", nil, true, "rw,relatime shared master - tmpfs", "shared", false},
		{"unbindable", nil, false, "rw,relatime master - tmpfs", "unbindable", false},
	} {
		name := strings.Join(append([]string{"root=" + test.root}, test.options...), ",")
		if test.userns {
			name += ",userns"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inPrivateMounts(t, func() {
				c := newContainer(t)
				c.mount("proc", "proc", "/proc")
				source := mkdir(t, c.bundle+"/src")
				hostMount(t, "tmpfs", source, "tmpfs", 0)
				if err := unix.Mount("", source, "", unix.MS_SHARED, ""); err != nil {
					t.Fatal(err)
				}
				mkdir(t, source+"/sub")
				if test.userns {
					c.withUserNamespace(t)
				}
				c.spec.Linux.RootfsPropagation = test.root
				c.mount("bind", "src", "/m", append([]string{"rbind"}, test.options...)...)
				c.script = "cat /proc/self/mountinfo; mount -t tmpfs inside /m/sub; sleep 0.2"
				table := mountTable(c.propagated(t, test.host))
				if got := table["/m"]; !strings.HasPrefix(got, test.want) {
					t.Errorf("got %q, want %q", got, test.want)
				}
				if got := table["/"]; test.rootIs != "" && !strings.Contains(got, " "+test.rootIs+" ") {
					t.Errorf("root is %q, want %s", got, test.rootIs)
				}
			})
		})
	}
}

// propagated runs a container and checks whether its mount has appeared in the thread's own
// namespace.
func (c *container) propagated(t *testing.T, want bool) string {
	t.Helper()
	c.mounts = true
	out, err := c.run(t)
	if err != nil {
		t.Fatal(err)
	}
	mounts, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Contains(string(mounts), " "+c.bundle+"/src/sub "); got != want {
		t.Errorf("mounted on the host: %t, want %t", got, want)
	}
	return out
}
