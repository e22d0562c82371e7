package rootfs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestHostile builds roots and configs that try to redirect a mount. outside is a host directory in
// which nothing may be created.
func TestHostile(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]hostileCase{
		"absolute link": {
			set: func(t *testing.T, c *container, outside string) {
				symlink(t, outside, c.path("link"))
				c.mount("tmpfs", "tmpfs", "/link/below")
			},
			script: "cd OUTSIDE/below && readlink /link && grep -c 'OUTSIDE/below' /proc/self/mountinfo",
			want:   "OUTSIDE\n1\n",
		},
		"etc leads to etc": {
			set: func(t *testing.T, c *container, _ string) {
				if err := os.Remove(c.path("etc")); err != nil {
					t.Fatal(err)
				}
				symlink(t, "/etc", c.path("etc"))
				c.mount("bind", c.bundle+"/f", "/etc/hosts", "bind")
			},
			fails: "too many levels of symbolic links",
		},
		"dots": {
			set: func(_ *testing.T, c *container, outside string) {
				c.mount("tmpfs", "tmpfs", "/../../../../../.."+outside+"/../outside/x")
			},
			script: "ls OUTSIDE",
			want:   "x\n",
		},
		"link of dots": {
			set: func(t *testing.T, c *container, _ string) {
				symlink(t, "../../../../../../../../../../up", c.path("etc/link"))
				c.mount("tmpfs", "tmpfs", "/etc/link/x")
			},
			script: "ls /up",
			want:   "x\n",
		},
		"loop": {
			set: func(t *testing.T, c *container, _ string) {
				symlink(t, "b", c.path("a"))
				symlink(t, "a", c.path("b"))
				c.mount("tmpfs", "tmpfs", "/a/x")
			},
			fails: "too many levels of symbolic links",
		},
		"dangling file": {
			set: func(t *testing.T, c *container, outside string) {
				symlink(t, outside+"/file", c.path("etc/hosts"))
				c.mount("bind", c.bundle+"/f", "/etc/hosts", "bind")
			},
			script: "cat OUTSIDE/file",
			want:   "f\n",
		},
		"magic link to the old root": {
			set: func(_ *testing.T, c *container, outside string) {
				c.mount("tmpfs", "tmpfs", "/proc/self/root"+outside)
			},
			fails: "magic link",
		},
		"magic link to a descriptor": {
			set: func(t *testing.T, c *container, _ string) {
				symlink(t, "/proc/self/fd/0", c.path("link"))
				c.mount("bind", c.bundle+"/f", "/link", "bind")
			},
			fails: "magic link",
		},
		"over the root":         mountFails("tmpfs", "/etc/..", "the mount point is the root itself"),
		"tmpfs over proc":       mountFails("tmpfs", "/proc", "not of type proc"),
		"tmpfs inside proc":     mountFails("tmpfs", "/proc/sys/kernel", "inside /proc"),
		"tmpfs over proc/self":  mountFails("tmpfs", "/proc/self/attr", "inside /proc"),
		"inside proc by a link": linkFails("/proc/sys", "inside /proc"),
		"proc over a link": {
			set: func(t *testing.T, c *container, _ string) {
				symlink(t, "/etc", c.path("p"))
				c.mount("proc", "proc", "/p")
			},
			fails: "must be mounted on ordinary directory",
		},
		"inside another procfs": {
			set: func(_ *testing.T, c *container, _ string) {
				c.mount("proc", "proc", "/other")
				c.mount("tmpfs", "tmpfs", "/other/sys")
			},
			fails: "inside a procfs",
		},
		"file over a directory": {
			set:   func(_ *testing.T, c *container, _ string) { c.mount("bind", c.bundle+"/f", "/etc", "bind") },
			fails: "mounts[1] (/etc): bind from \"BUNDLE/f\": mount on /etc: the source and the mount point must both be directories, or neither: not a directory",
		},
		"below a file": {
			set:   func(_ *testing.T, c *container, _ string) { c.mount("tmpfs", "tmpfs", "/bin/busybox/x") },
			fails: "not a directory",
		},
		"long path": {
			set:   func(_ *testing.T, c *container, _ string) { c.mount("tmpfs", "tmpfs", strings.Repeat("/a", 3000)) },
			fails: "file name too long",
		},
		"the kernel's words": {
			set:   func(_ *testing.T, c *container, _ string) { c.mount("tmpfs", "tmpfs", "/x", "size=1m", "nonsense=3") },
			fails: "mounts[1] (/x): tmpfs from \"tmpfs\": tmpfs: set option \"nonsense=3\": invalid argument (tmpfs: Unknown parameter 'nonsense')",
		},
		"no such type": {
			set:   func(_ *testing.T, c *container, _ string) { c.mount("nosuchfs", "x", "/x") },
			fails: "mounts[1] (/x): fsopen \"nosuchfs\": no such file system type in this kernel: no such device",
		},
		"names with line ends": {
			set: func(t *testing.T, c *container, _ string) {
				c.mount("bind", c.bundle+"/f", "/new\nline = x/f\t1", "bind")
			},
			script: `cat "$(printf '/new\nline = x/f\t1')"`,
			want:   "f\n",
		},
		"dev leads outside": {
			set: func(t *testing.T, c *container, outside string) {
				if err := os.Remove(c.path("dev")); err != nil {
					t.Fatal(err)
				}
				symlink(t, outside, c.path("dev"))
			},
			script: "ls -A OUTSIDE | grep -v core",
			want:   "fd\nfull\nnull\nptmx\nrandom\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n",
		},
		"null is a file": {
			set:   func(t *testing.T, c *container, _ string) { write(t, c.path("dev/null"), "") },
			fails: "the container's /dev/null is invalid",
		},
		"null is a link": {
			set: func(t *testing.T, c *container, outside string) {
				symlink(t, outside+"/null", c.path("dev/null"))
				c.spec.Linux.MaskedPaths = []string{"/etc"}
			},
			fails: "the container's /dev/null is invalid",
		},
		"console is a link": {
			set: func(t *testing.T, c *container, outside string) {
				c.console = true
				c.mount("devpts", "devpts", "/dev/pts")
				symlink(t, outside+"/console", c.path("dev/console"))
			},
			fails: "mount the terminal on /dev/console: too many levels of symbolic links",
		},
		"ptmx of no devpts": {
			set: func(t *testing.T, c *container, _ string) {
				c.console = true
				symlink(t, "/proc/self/mem", mkdir(t, c.path("dev/pts"))+"/ptmx")
			},
			fails: "is not a devpts",
		},
		"cwd leads outside": {
			set: func(t *testing.T, c *container, outside string) {
				symlink(t, outside, c.path("work"))
				c.spec.Process.Cwd = "/work/../../../x"
			},
			script: "ls -A / | grep x",
			want:   "x\n",
		},
		"masked by a link": {
			set: func(t *testing.T, c *container, outside string) {
				write(t, mkdir(t, c.path(outside))+"/secret", "inside\n")
				symlink(t, outside+"/secret", c.path("s"))
				c.spec.Linux.MaskedPaths = []string{"/s"}
			},
			script: "cat OUTSIDE/secret",
		},
		"sysctl through a hostile proc": {
			set: func(t *testing.T, c *container, outside string) {
				c.spec.Mounts = nil // use the false /proc of the root
				write(t, mkdir(t, c.path("proc/sys/net/ipv4"))+"/ip_forward", "untouched\n")
				c.spec.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"}
			},
			script: "cat /proc/sys/net/ipv4/ip_forward; mount -t proc proc /tmp; cat /tmp/sys/net/ipv4/ip_forward",
			want:   "untouched\n1\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newContainer(t)
			outside := mkdir(t, filepath.Join(c.bundle, "outside"))
			write(t, c.bundle+"/f", "f\n")
			c.mount("proc", "proc", "/proc")
			test.set(t, c, outside)
			c.script = strings.ReplaceAll(test.script, "OUTSIDE", outside)
			got, err := c.run(t)
			if test.fails != "" {
				if want := strings.ReplaceAll(test.fails, "BUNDLE", c.bundle); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q", err, want)
				}
			} else if want := strings.ReplaceAll(test.want, "OUTSIDE", outside); err != nil || got != want {
				t.Errorf("got %q (%v), want %q", got, err, want)
			}
			if names, err := os.ReadDir(outside); err != nil || len(names) > 0 {
				t.Errorf("made outside: %v (%v)", names, err)
			}
		})
	}
}

// hostileCase is one attempt. OUTSIDE and BUNDLE in its texts stand for host paths.
type hostileCase struct {
	set    func(t *testing.T, c *container, outside string)
	script string
	want   string // the script's output
	fails  string // or part of the error
}

func mountFails(typ, destination, why string) hostileCase {
	return hostileCase{set: func(_ *testing.T, c *container, _ string) { c.mount(typ, "x", destination) }, fails: why}
}

func linkFails(to, why string) hostileCase {
	return hostileCase{set: func(t *testing.T, c *container, _ string) {
		symlink(t, to, c.path("link"))
		c.mount("bind", c.bundle+"/f", "/link/kernel/core_pattern", "bind")
	}, fails: why}
}

// TestRace has another process swap a directory of a shared volume for links continuously, while
// containers are created that mount, make devices and mask paths below it.
func TestRace(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	outside := mkdir(t, filepath.Join(c.bundle, "outside"))
	mkdir(t, outside+"/deep")
	volume := mkdir(t, c.bundle+"/volume")
	mkdir(t, volume+"/d/deep")
	symlink(t, outside, volume+"/l")
	symlink(t, "/proc/self/root"+outside, volume+"/m")
	symlink(t, "/proc/sys", volume+"/p")
	c.podmanMounts()
	c.mount("bind", "volume", "/v", "bind")
	c.mount("tmpfs", "tmpfs", "/v/d/deep")
	c.mount("tmpfs", "tmpfs", "/v/d/new")
	c.mount("bind", write(t, c.bundle+"/f", ""), "/v/d/kernel/core_pattern", "bind")
	c.spec.Linux.Devices = []specs.LinuxDevice{{Path: "/v/d/x/node", Type: "c", Major: 1, Minor: 3}}
	c.spec.Linux.MaskedPaths = []string{"/v/d/deep", "/v/d/kernel/core_pattern"}
	c.spec.Process.Cwd = "/v/d/cwd"
	c.script = "grep -E ' (/proc/|/etc)' /proc/self/mountinfo | grep -v ' /null /proc/sys/kernel/core_pattern '" // the mask may land on core_pattern
	stop := make(chan struct{})
	racing := make(chan struct{})
	go func() {
		defer close(racing)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, volume+"/d", unix.AT_FDCWD, volume+"/"+[]string{"l", "m", "p"}[i%3], unix.RENAME_EXCHANGE)
			}
		}
	}()
	made, refused := 0, 0
	for end := time.Now().Add(1500 * time.Millisecond); time.Now().Before(end); {
		out, err := c.run(t)
		switch {
		case err == nil, out == "" && strings.HasSuffix(err.Error(), ": exit status 1") && strings.HasPrefix(err.Error(), ":"):
			made++ // grep found nothing
		default:
			refused++
		}
		if out != "" {
			t.Fatalf("a mount inside /proc: %s", out)
		}
	}
	close(stop)
	<-racing
	t.Logf("%d containers made, %d refused", made, refused)
	names, err := os.ReadDir(outside)
	if err != nil || len(names) != 1 {
		t.Errorf("made outside: %v (%v)", names, err)
	}
	if names, err := os.ReadDir(outside + "/deep"); err != nil || len(names) != 0 {
		t.Errorf("made outside: %v (%v)", names, err)
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		set  func(t *testing.T, c *container)
		want string
		is   error
	}{
		"no root":       {func(_ *testing.T, c *container) { c.spec.Root.Path = "absent" }, "root.path: invalid rootfs \"BUNDLE/absent\": open_tree: no such file or directory", unix.ENOENT},
		"root a file":   {func(_ *testing.T, c *container) { c.spec.Root.Path = "rootfs/bin/busybox" }, "not a directory", unix.ENOTDIR},
		"no root field": {func(_ *testing.T, c *container) { c.spec.Root = nil }, "root.path: is required", nil},
		"no source":     {func(_ *testing.T, c *container) { c.mount("bind", "absent", "/x", "rbind") }, "mounts[0] (/x): source \"BUNDLE/absent\": open_tree: no such file or directory", unix.ENOENT},
		"bind data":     {func(_ *testing.T, c *container) { c.mount("bind", "/", "/x", "rbind", "size=1") }, "mounts[0].options: bind mounts cannot have any filesystem-specific options applied: \"size=1\"", nil},
		"remount":       {func(_ *testing.T, c *container) { c.mount("tmpfs", "/", "/x", "remount") }, "mounts[0].options", nil},
		"null byte":     {func(_ *testing.T, c *container) { c.mount("tmpfs", "/", "/x\x00y") }, "mounts[0].destination: must not contain a NUL byte", nil},
		"no type":       {func(_ *testing.T, c *container) { c.mount("", "/", "/x") }, "mounts[0].type: is required", nil},
		"idmap tmpfs":   {func(_ *testing.T, c *container) { c.mount("tmpfs", "/", "/x", "idmap") }, "mounts[0].options: id-mapped mounts are only supported", nil},
		"idmap no maps": {func(_ *testing.T, c *container) { c.mount("bind", "/", "/x", "bind", "idmap") }, "must have both uid and gid mappings", nil},
		"propagation":   {func(_ *testing.T, c *container) { c.spec.Linux.RootfsPropagation = "no" }, "linux.rootfsPropagation: \"no\" is not", nil},
		"no namespace":  {func(_ *testing.T, c *container) { c.spec.Linux.Namespaces = []specs.LinuxNamespace{{Type: "user"}} }, "linux.namespaces: a user namespace requires a mount namespace", nil},
		"device type":   {func(_ *testing.T, c *container) { c.device(specs.LinuxDevice{Path: "/dev/x", Type: "q"}) }, "linux.devices[0] (/dev/x): invalid device type \"q\"", nil},
		"device number": {func(_ *testing.T, c *container) {
			c.device(specs.LinuxDevice{Path: "/dev/x", Type: "c", Major: 1 << 40})
		}, "invalid device number", nil},
		"sysctl":       {func(_ *testing.T, c *container) { c.sysctl("kernel.panic") }, "linux.sysctl[\"kernel.panic\"]: is not in a separate kernel namespace", nil},
		"sysctl dots":  {func(_ *testing.T, c *container) { c.sysctl("net/../kernel/panic") }, "not the name of a sysctl", nil},
		"sysctl twist": {func(_ *testing.T, c *container) { c.sysctl("net.//.kernel.panic") }, "not the name of a sysctl", nil},
		"sysctl user":  {func(_ *testing.T, c *container) { c.sysctl("user.max_user_namespaces") }, "host's user namespace", nil},
		"sysctl name":  {func(_ *testing.T, c *container) { c.sysctl("kernel.hostname") }, "conflicts with the OCI \"hostname\" field", nil},
		"sysctl host":  {func(_ *testing.T, c *container) { c.dropNamespace("network"); c.sysctl("net.ipv4.ip_forward") }, "host's network namespace", nil},
		"sysctl joined": {func(_ *testing.T, c *container) {
			c.dropNamespace("network")
			c.spec.Linux.Namespaces = append(c.spec.Linux.Namespaces, specs.LinuxNamespace{Type: "network", Path: "/proc/self/ns/net"})
			c.sysctl("net.ipv4.ip_forward")
		}, "host's network namespace", nil},
		"sysctl ipc": {func(_ *testing.T, c *container) { c.dropNamespace("ipc"); c.sysctl("kernel.sem") }, "host's ipc namespace", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newContainer(t)
			test.set(t, c)
			plan, files, err := Open(c.spec, c.bundle, Options{})
			if plan != nil || files != nil || err == nil || !strings.Contains(err.Error(), strings.ReplaceAll(test.want, "BUNDLE", c.bundle)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v is not %v", err, test.is)
			}
		})
	}
}

func (c *container) device(d specs.LinuxDevice) {
	c.spec.Linux.Devices = append(c.spec.Linux.Devices, d)
}
func (c *container) sysctl(key string) { c.spec.Linux.Sysctl = map[string]string{key: "0"} }

func (c *container) dropNamespace(typ specs.LinuxNamespaceType) {
	var left []specs.LinuxNamespace
	for _, ns := range c.spec.Linux.Namespaces {
		if ns.Type != typ {
			left = append(left, ns)
		}
	}
	c.spec.Linux.Namespaces = left
}

func TestSysctlPath(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"net.ipv4.ip_forward":         "net/ipv4/ip_forward",
		"net/ipv4/ip_forward":         "net/ipv4/ip_forward",
		"net.ipv4.conf.eno2/100.rp":   "net/ipv4/conf/eno2.100/rp",
		"net/ipv4/conf/eno2.100/rp":   "net/ipv4/conf/eno2.100/rp",
		"":                            "",
		"net..x":                      "",
		"/net/x":                      "",
		"net/./x":                     "",
		"net.//.kernel.panic":         "",
		"net/ipv4/../../kernel/panic": "",
		"net.ipv4.//.//.//.kernel.x":  "",
		"net.ipv4.conf./.x":           "",
		"net.x\x00":                   "",
	} {
		if got, err := sysctlPath(key); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q (%v), want %q", key, got, err, want)
		}
	}
}
