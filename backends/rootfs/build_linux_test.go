package rootfs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// mountTable maps each mount point to mountinfo's words for the last mount there: options,
// propagation, type, source, and the file system's options.
func mountTable(text string) map[string]string {
	table := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		f := strings.Fields(line)
		if len(f) < 10 {
			continue
		}
		for i, word := range f {
			if tag, _, ok := strings.Cut(word, ":"); ok && i > 5 && (tag == "shared" || tag == "master") {
				f[i] = tag
			}
		}
		table[f[4]] = strings.Join(f[5:], " ")
	}
	return table
}

func TestPodman(t *testing.T) {
	t.Parallel()
	same := map[string]string{
		"/proc":       "rw,nosuid,nodev,noexec,relatime - proc proc rw",
		"/dev":        "rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755",
		"/sys":        "ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro",
		"/dev/pts":    "rw,nosuid,noexec,relatime - devpts devpts rw,gid=5,mode=620,ptmxmode=666",
		"/dev/mqueue": "rw,nosuid,nodev,noexec,relatime - mqueue mqueue rw",
		"/dev/shm":    "rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=65536k",
	}
	in := map[string]string{
		"/dev":     "rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755,uid=100000,gid=100000",
		"/dev/pts": "rw,nosuid,noexec,relatime - devpts devpts rw,gid=100005,mode=620,ptmxmode=666",
		"/dev/shm": "rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=65536k,uid=100000,gid=100000",
	}
	for _, userns := range []bool{false, true} {
		t.Run(fmt.Sprintf("userns=%t", userns), func(t *testing.T) {
			t.Parallel()
			c := newContainer(t)
			c.podmanMounts()
			if userns {
				c.withUserNamespace(t)
			}
			c.script = `cat /proc/self/mountinfo; echo ==; cd /dev; stat -c '%n %F %a %t:%T' full null random tty urandom zero; for l in core fd ptmx stderr stdin stdout; do test -L $l && echo $l $(readlink $l); done; echo x >/dev/null; umask; cd - ; ls -A /`
			out := c.output(t)
			mounts, rest, _ := strings.Cut(out, "==\n")
			got := mountTable(mounts)
			for point, want := range same {
				if w, ok := in[point]; ok && userns {
					want = w
				}
				if got[point] != want {
					t.Errorf("%s: got %q, want %q", point, got[point], want)
				}
			}
			for _, want := range []string{
				"null character special file 666 1:3\n", "zero character special file 666 1:5\n", "full character special file 666 1:7\n",
				"random character special file 666 1:8\n", "urandom character special file 666 1:9\n", "tty character special file 666 5:0\n",
				"fd /proc/self/fd\n", "ptmx pts/ptmx\n", "stdin /proc/self/fd/0\n", "stdout /proc/self/fd/1\n", "stderr /proc/self/fd/2\n",
				"bin\ndev\netc\nproc\nsys\ntmp\n",
			} {
				if !strings.Contains(rest, want) {
					t.Errorf("no %q in\n%s", want, rest)
				}
			}
		})
	}
}

func TestMounts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		set    func(t *testing.T, c *container)
		script string
		want   string            // the script's output
		mounts map[string]string // prefixes of mountTable's values
	}{
		"bind flags": {
			set: func(t *testing.T, c *container) {
				write(t, mkdir(t, c.bundle+"/src")+"/f", "hello\n")
				c.mount("bind", "src", "/new/rw", "bind")
				c.mount("none", "src", "/new/ro", "rbind", "ro", "nosuid", "nodev", "noexec")
				c.mount("none", "src", "relative", "bind", "rro", "noatime")
				c.mount("none", c.bundle+"/src/f", "/etc/file", "bind", "nodiratime", "nosymfollow")
				c.mount("none", "src", "/unbind", "rbind", "unbindable")
			},
			script: "cat /new/rw/f /new/ro/f /relative/f /etc/file; umask 0; stat -c %a /new /etc/file; touch /new/ro/x 2>/dev/null || echo ro",
			want:   "hello\nhello\nhello\nhello\n755\n644\nro\n",
			mounts: map[string]string{
				"/new/rw":   "rw,relatime -",
				"/new/ro":   "ro,nosuid,nodev,noexec,relatime -",
				"/relative": "ro,noatime -",
				"/etc/file": "rw,nodiratime,relatime,nosymfollow -",
				"/unbind":   "rw,relatime unbindable -",
			},
		},
		"tmpfs": {
			set: func(t *testing.T, c *container) {
				if err := unix.Chmod(c.path("tmp"), 0o1775); err != nil {
					t.Fatal(err)
				}
				c.mount("tmpfs", "tmpfs", "/tmp", "size=1m")
				c.mount("tmpfs", "none", "/run/new", "ro", "nosuid", "size=2m", "nr_inodes=100")
				c.mount("tmpfs", "tmpfs", "/run/new/below", "mode=0700", "defaults")
				c.mount("tmpfs", "x", "/sync", "sync", "dirsync", "lazytime", "rro")
			},
			script: "stat -c %a /tmp /run /run/new /run/new/below; touch /run/new/x 2>/dev/null || echo ro",
			want:   "1775\n755\n1777\n700\nro\n",
			mounts: map[string]string{
				"/tmp":     "rw,relatime - tmpfs tmpfs rw,size=1024k,mode=1775",
				"/run/new": "ro,nosuid,relatime - tmpfs none rw,size=2048k,nr_inodes=100",
				"/sync":    "ro,relatime - tmpfs x rw,sync,dirsync,lazytime",
			},
		},
		"tmpcopyup": {
			set: func(t *testing.T, c *container) {
				mkdir(t, c.path("etc/a/b"))
				write(t, c.path("etc/a/b/f"), "copied\n")
				symlink(t, "/nowhere", c.path("etc/a/l"))
				if err := unix.Chmod(c.path("etc/a/b/f"), 0o4711); err != nil {
					t.Fatal(err)
				}
				if err := os.Chown(c.path("etc/a/b"), 3, 4); err != nil {
					t.Fatal(err)
				}
				c.mount("tmpfs", "tmpfs", "/etc", "tmpcopyup")
			},
			script: "cat /etc/a/b/f; stat -c '%a %u:%g' /etc /etc/a/b /etc/a/b/f; readlink /etc/a/l; touch /etc/x",
			want:   "copied\n755 0:0\n755 3:4\n4711 0:0\n/nowhere\n",
		},
		"order and overmounts": {
			set: func(t *testing.T, c *container) {
				for _, name := range []string{"a", "b"} {
					write(t, mkdir(t, c.bundle+"/"+name)+"/f", name+"\n")
				}
				c.mount("bind", "a", "/m", "bind")
				c.mount("bind", "b", "/m", "bind", "ro")
				c.mount("tmpfs", "tmpfs", "/t")
				c.mount("bind", "a", "/t/x/y", "bind")
			},
			script: "cat /m/f /t/x/y/f; umount /m; cat /m/f; ls /t",
			want:   "b\na\na\nx\n",
		},
		"links": {
			set: func(t *testing.T, c *container) {
				symlink(t, c.bundle+"/nothing", c.bundle+"/link")
				symlink(t, "/etc/real", c.path("link"))
				c.mount("bind", "link", "/copied", "bind", "copy-symlink")
				c.mount("bind", "link", "/etc/inode", "bind", "src-nofollow")
				write(t, c.bundle+"/f", "text\n")
				c.mount("bind", "f", "/link", "bind")
			},
			script: "readlink /copied; readlink /etc/inode; readlink /link; cat /etc/real",
			want:   "BUNDLE/nothing\nBUNDLE/nothing\n/etc/real\ntext\n",
		},
		"overlay": {
			set: func(t *testing.T, c *container) {
				for _, dir := range []string{"lower", "upper", "work"} {
					mkdir(t, c.bundle+"/"+dir)
				}
				write(t, c.bundle+"/lower/f", "lower\n")
				c.mount("overlay", "overlay", "/o", "lowerdir="+c.bundle+"/lower", "upperdir="+c.bundle+"/upper", "workdir="+c.bundle+"/work", "nosuid")
				long := c.bundle + "/" + strings.Repeat("x", 200)
				write(t, mkdir(t, long+"/"+strings.Repeat("y", 200))+"/g", "long\n")
				c.mount("overlay", "overlay", "/p", "lowerdir="+long+"/"+strings.Repeat("y", 200)+":"+c.bundle+"/lower", "ro")
			},
			script: "cat /o/f /p/g; echo up >/o/g; cat /o/g",
			want:   "lower\nlong\nup\n",
			mounts: map[string]string{"/o": "rw,nosuid,relatime - overlay overlay rw,lowerdir=", "/p": "ro,relatime - overlay overlay ro,lowerdir="},
		},
		"cgroup": {
			set: func(_ *testing.T, c *container) {
				c.mount("sysfs", "sysfs", "/sys", "ro")
				c.mount("cgroup", "cgroup", "/sys/fs/cgroup", "nosuid", "noexec", "nodev", "relatime", "ro")
			},
			mounts: map[string]string{"/sys/fs/cgroup": "ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup "},
		},
		"idmap": {
			set: func(t *testing.T, c *container) {
				if err := os.Chown(write(t, mkdir(t, c.bundle+"/src")+"/f", ""), 1000, 1001); err != nil {
					t.Fatal(err)
				}
				c.mount("bind", "src", "/m", "rbind", "idmap")
				m := &c.spec.Mounts[len(c.spec.Mounts)-1]
				m.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 1000, HostID: 7, Size: 2}}
				m.GIDMappings = []specs.LinuxIDMapping{{ContainerID: 1000, HostID: 70, Size: 2}}
			},
			script: "stat -c %u:%g /m/f",
			want:   "7:71\n",
			mounts: map[string]string{"/m": "rw,relatime,idmapped -"},
		},
		"lxcfs": {
			set: func(t *testing.T, c *container) {
				write(t, c.bundle+"/info", "fake\n")
				c.mount("bind", "info", "/proc/meminfo", "bind")
			},
			script: "cat /proc/meminfo",
			want:   "fake\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newContainer(t)
			c.mount("proc", "proc", "/proc")
			test.set(t, c)
			c.script = "cat /proc/self/mountinfo; echo ==; " + test.script
			mounts, got, _ := strings.Cut(c.output(t), "==\n")
			if want := strings.ReplaceAll(test.want, "BUNDLE", c.bundle); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			table := mountTable(mounts)
			for point, want := range test.mounts {
				if !strings.HasPrefix(table[point], want) {
					t.Errorf("%s: got %q, want %q", point, table[point], want)
				}
			}
		})
	}
}

func TestLockedFlags(t *testing.T) {
	t.Parallel()
	inPrivateMounts(t, func() {
		c := newContainer(t)
		c.mount("proc", "proc", "/proc")
		c.mounts = true
		hostMount(t, "tmpfs", mkdir(t, c.bundle+"/src"), "tmpfs", 0)
		hostRemount(t, c.bundle+"/src", "nosuid", "nodev", "ro")
		c.withUserNamespace(t)
		c.mount("bind", "src", "/m", "bind", "noexec")
		c.script = "cat /proc/self/mountinfo; mount -o remount,bind,rw,noexec,nosuid,nodev /m 2>/dev/null && echo unlocked"
		out, _ := c.run(t)
		if got := mountTable(out)["/m"]; !strings.HasPrefix(got, "ro,nosuid,nodev,noexec,") {
			t.Errorf("got %q", got)
		}
		if strings.Contains(out, "unlocked") {
			t.Error("the container could make the mount writable")
		}
		c.spec.Mounts[1].Options = []string{"bind", "rw"}
		if _, err := c.run(t); err == nil || !strings.Contains(err.Error(), "cannot clear locked flags") {
			t.Errorf("rw: %v", err)
		}
	})
}

func TestDevices(t *testing.T) {
	t.Parallel()
	mode, uid, gid := os.FileMode(0o641), uint32(3), uint32(4)
	c := newContainer(t)
	c.podmanMounts()
	c.spec.Linux.Devices = []specs.LinuxDevice{
		{Path: "/dev/null", Type: "c", Major: 1, Minor: 3, FileMode: &mode},
		{Path: "/dev/mapper/x", Type: "b", Major: 253, Minor: 300, FileMode: &mode, UID: &uid, GID: &gid},
		{Path: "/fifo", Type: "p", FileMode: &mode},
		{Path: "/dev/ptmx", Type: "c", Major: 5, Minor: 2},
		{Path: "/dev/u", Type: "u", Major: 1, Minor: 3},
	}
	c.script = "stat -c '%n %F %a %t:%T %u:%g' /dev/null /dev/mapper/x /fifo /dev/u; readlink /dev/ptmx"
	want := "/dev/null character special file 641 1:3 0:0\n/dev/mapper/x block special file 641 fd:12c 3:4\n" +
		"/fifo fifo 641 0:0 0:0\n/dev/u character special file 666 1:3 0:0\npts/ptmx\n"
	if got := c.output(t); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

// TestNoDevices checks that the error names the field if no device can be opened in /dev.
func TestNoDevices(t *testing.T) {
	t.Parallel()
	inPrivateMounts(t, func() {
		root := newContainer(t)
		root.mounts = true
		hostMount(t, root.path(""), root.path(""), "", unix.MS_BIND)
		hostRemount(t, root.path(""), "nodev")
		dev := newContainer(t)
		dev.mount("tmpfs", "tmpfs", "dev/", "nodev")
		for want, c := range map[string]*container{"root.path": root, "mounts[0].options": dev} {
			if out, err := c.run(t); err == nil || !strings.Contains(err.Error(), "nodev") || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v\n%s", want, err, out)
			}
		}
	})
}

// TestDevicesWithoutMknod runs an init process without CAP_MKNOD, which binds the host's nodes
// instead.
func TestDevicesWithoutMknod(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.podmanMounts()
	c.nomknod = true
	c.script = "stat -c '%n %F %t:%T' /dev/null; grep -c ' /dev/[a-z]* .*devtmpfs' /proc/self/mountinfo; ls -A /dev"
	if got := c.output(t); !strings.HasPrefix(got, "/dev/null character special file 1:3\n6\n") {
		t.Errorf("got %q", got)
	}
}

func TestOwnDev(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	write(t, mkdir(t, c.bundle+"/dev")+"/only", "")
	c.mount("bind", "dev", "/dev", "bind")
	c.script = "ls /dev"
	if got := c.output(t); got != "only\n" {
		t.Errorf("got %q", got)
	}
}

func TestFinish(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.podmanMounts()
	mkdir(t, c.path("secret/deep"))
	mkdir(t, c.path("secret2"))
	write(t, c.path("hidden"), "secret\n")
	write(t, c.path("etc/fixed"), "fixed\n")
	c.spec.Root.Readonly = true
	c.spec.Process.Cwd = "/work/../made/here"
	c.spec.Linux.MaskedPaths = []string{"/secret", "/hidden", "/secret2", "/secret/", "/absent", "/hidden/below", "/proc/keys"}
	c.spec.Linux.ReadonlyPaths = []string{"/proc/sys", "/absent", "/dev/shm"}
	c.spec.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "kernel.shm_rmid_forced": "1", "net/ipv4/conf/lo/rp_filter": "2"}
	c.script = `cat /proc/self/mountinfo; echo ==; ls -A /secret /secret2; cat /hidden /proc/keys; cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/conf/lo/rp_filter
		stat -c %a /made/here; touch /x /dev/shm/x /secret/x /secret2/x 2>&1 | sed 's/.*: //'; (echo 0 >/proc/sys/net/ipv4/ip_forward) 2>&1 | sed 's/.*: //'; touch /dev/x && echo rw`
	mounts, got, _ := strings.Cut(c.output(t), "==\n")
	ro := "Read-only file system\n"
	if want := "/secret:\n\n/secret2:\n1\n1\n2\n755\n" + strings.Repeat(ro, 5) + "rw\n"; got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	for point, want := range map[string]string{
		"/":          "ro,relatime - ",
		"/secret":    "ro,relatime - tmpfs tmpfs ro,",
		"/secret2":   "ro,relatime - tmpfs tmpfs ro,",
		"/hidden":    "rw,nosuid - tmpfs tmpfs",
		"/proc/sys":  "ro,nosuid,nodev,noexec,relatime - proc",
		"/proc/keys": "rw,nosuid - tmpfs tmpfs",
	} {
		if got := mountTable(mounts)[point]; !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want %q", point, got, want)
		}
	}
}

func TestConsole(t *testing.T) {
	t.Parallel()
	for _, userns := range []bool{false, true} {
		t.Run(fmt.Sprintf("userns=%t", userns), func(t *testing.T) {
			t.Parallel()
			c := newContainer(t)
			c.podmanMounts()
			if userns {
				c.withUserNamespace(t)
			}
			c.console = true
			c.script = "stat -c '%F %t:%T' /dev/console; echo hi >/dev/console; ls /dev/pts; tty </dev/console; grep -c ' /0 /dev/console .*devpts' /proc/self/mountinfo"
			got, err := c.run(t)
			if want := "character special file 88:0\n0\nptmx\n/dev/pts/0\n1\n"; got != want && got != strings.Replace(want, "/dev/pts/0", "/dev/console", 1) {
				t.Errorf("got %q (%v), want %q", got, err, want)
			}
		})
	}
}

func TestAttachAtPath(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.podmanMounts()
	c.at = c.path("")
	c.script = "cat /proc/self/mountinfo; ls -A /"
	out := c.output(t)
	if table := mountTable(out); len(table) != 7 || !strings.HasSuffix(out, "bin\ndev\netc\nproc\nsys\ntmp\n") {
		t.Errorf("got\n%s", out)
	}
}

func TestRootIsLink(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	symlink(t, "rootfs", filepath.Join(c.bundle, "link"))
	c.spec.Root.Path = "link"
	c.script = "ls -A /"
	if got := c.output(t); !strings.HasPrefix(got, "bin\n") {
		t.Errorf("got %q", got)
	}
}

// TestSourceInRoot checks bind mounts whose source an earlier mount of the config makes, and that
// such a source cannot lead out of the root.
func TestSourceInRoot(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit   func(*testing.T, *container)
		script string
		want   string
		fails  string
	}{
		"in an earlier mount": {
			edit: func(_ *testing.T, c *container) {
				c.mount("tmpfs", "tmpfs", "/a", "mode=700")
				c.mount("bind", c.path("a"), "/b", "bind", "ro")
			},
			script: "echo x >/a/file; cat /b/file; echo y 2>/dev/null >/b/file || echo read-only",
			want:   "x\nread-only\n",
		},
		"below an earlier mount": {
			edit: func(t *testing.T, c *container) {
				mkdir(t, filepath.Join(c.bundle, "from/sub"))
				write(t, filepath.Join(c.bundle, "from/sub/file"), "x\n")
				c.mount("bind", filepath.Join(c.bundle, "from"), "/a", "bind")
				c.mount("bind", c.path("a/sub"), "/b", "bind")
			},
			script: "cat /b/file",
			want:   "x\n",
		},
		"above one, recursive": {
			edit: func(t *testing.T, c *container) {
				mkdir(t, c.path("a/sub"))
				c.mount("tmpfs", "tmpfs", "/a/sub")
				c.mount("bind", c.path("a"), "/b", "rbind")
			},
			script: "echo x >/a/sub/file; cat /b/sub/file",
			want:   "x\n",
		},
		"above one, not recursive": {
			edit: func(t *testing.T, c *container) {
				mkdir(t, c.path("a/sub"))
				c.mount("tmpfs", "tmpfs", "/a/sub")
				c.mount("bind", c.path("a"), "/b", "bind")
			},
			script: "echo x >/a/sub/file; ls /b/sub",
		},
		"a file": {
			edit: func(t *testing.T, c *container) {
				mkdir(t, filepath.Join(c.bundle, "from"))
				write(t, filepath.Join(c.bundle, "from/file"), "x\n")
				c.mount("bind", filepath.Join(c.bundle, "from"), "/a", "bind")
				c.mount("bind", c.path("a/file"), "/b/file", "bind")
			},
			script: "cat /b/file",
			want:   "x\n",
		},
		"a link to the host": {
			edit: func(t *testing.T, c *container) {
				secret := filepath.Join(c.bundle, "secret")
				mkdir(t, secret)
				mkdir(t, filepath.Join(c.bundle, "from"))
				symlink(t, secret, filepath.Join(c.bundle, "from/link"))
				c.mount("bind", filepath.Join(c.bundle, "from"), "/a", "bind")
				c.mount("bind", c.path("a/link"), "/b", "bind")
			},
			fails: "mounts[1]",
		},
		"ID-mapped": {
			edit: func(_ *testing.T, c *container) {
				c.mount("tmpfs", "tmpfs", "/a")
				c.mount("bind", c.path("a"), "/b", "bind", "idmap")
			},
			fails: "cannot be id-mapped",
		},
	} {
		for _, userns := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, userns=%t", name, userns), func(t *testing.T) {
				t.Parallel()
				con := newContainer(t)
				if userns {
					con.withUserNamespace(t)
				}
				c.edit(t, con)
				con.script = c.script
				out, err := con.run(t)
				if c.fails != "" {
					if err == nil || !strings.Contains(err.Error(), c.fails) {
						t.Errorf("%q, %v; want an error with %q", out, err, c.fails)
					}
					return
				}
				if err != nil || out != c.want {
					t.Errorf("%q, %v; want %q", out, err, c.want)
				}
			})
		}
	}
}
