package initproc

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
)

// namespace returns what the test's process has for /proc/self/ns/NAME.
func namespace(t *testing.T, name string) string {
	t.Helper()
	link, err := os.Readlink("/proc/self/ns/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// TestCreate makes containers and checks what their programs see.
func TestCreate(t *testing.T) {
	t.Parallel()
	own := namespace(t, "pid")
	for name, c := range map[string]struct {
		change func(*container)
		script string
		want   func(*container) string
	}{
		"a pid namespace": {
			script: `echo $$ $A; hostname; cat /proc/sys/kernel/domainname; echo $(ip -o link show lo | grep -c LOOPBACK,UP) $(readlink /proc/self/ns/pid | grep -c '` + own + `'); ls /proc/self/fd`,
			want:   func(*container) string { return "1 b\ninside\nin.example\n1 0\n0\n1\n2\n3\n" },
			change: func(c *container) { c.spec.Domainname = "in.example" },
		},
		"the host's pid namespace": {
			script: `echo $$; readlink /proc/self/ns/pid`,
			change: func(c *container) { c.cfg.NewPID = false },
			want:   func(c *container) string { return fmt.Sprintf("%d\n%s\n", c.init.Pid, own) },
		},
		"a user namespace": {
			script: `id -u; cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '; cat /etc/owned`,
			change: func(c *container) {
				c.mapUser()
				c.write("etc/owned", "by root\n")
			},
			want: func(*container) string { return "0\n 0 100000 65536\n 0 100000 65536\nby root\n" },
		},
		"a time namespace": {
			script: `cat /proc/1/timens_offsets | tr -s ' '; test $(cut -d. -f1 /proc/uptime) -ge 1000000 && echo later`,
			change: func(c *container) {
				c.cfg.NewTime, c.cfg.Offsets = true, "monotonic 5 0\nboottime 1000000 7\n"
			},
			want: func(*container) string { return "monotonic 5 0\nboottime 1000000 7\nlater\n" },
		},
		"a time namespace without offsets": {
			script: `tr -s ' ' </proc/1/timens_offsets; readlink /proc/self/ns/time | grep -c '` + namespace(t, "time") + `'; true`,
			change: func(c *container) { c.cfg.NewTime = true },
			want:   func(*container) string { return "monotonic 0 0\nboottime 0 0\n0\n" },
		},
		"another user": {
			script: `id -u; id -g; grep -E 'CapEff|NoNewPrivs' /proc/self/status`,
			change: func(c *container) {
				c.spec.Process.User = specs.User{UID: 1000, GID: 1001}
				c.spec.Process.NoNewPrivileges = true
				c.spec.Process.Capabilities = &specs.LinuxCapabilities{}
			},
			want: func(*container) string { return "1000\n1001\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := newContainer(t, c.script)
			if c.change != nil {
				c.change(box)
			}
			if got, want := box.run(), c.want(box); got != want {
				t.Errorf("%q\nwant: %q", got, want)
			}
			if status := box.ended(); status != 0 {
				t.Errorf("the program has ended with status %#x", status)
			}
			if parked := box.init.ParkedInit(); parked != 0 {
				t.Errorf("process %d is parked", parked)
			}
		})
	}
}

// mapUser gives the container a user namespace, whose root has the files of the container's root.
func (c *container) mapUser() {
	c.Helper()
	maps := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	c.cfg.NewUser, c.cfg.UIDMaps, c.cfg.GIDMaps = true, maps, maps
	c.spec.Linux.UIDMappings, c.spec.Linux.GIDMappings = maps, maps
	c.spec.Linux.Namespaces = append(c.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	if err := os.Chown(c.path(""), 100000, 100000); err != nil {
		c.Fatal(err)
	}
}

func (c *container) write(name, text string) {
	c.Helper()
	if err := os.WriteFile(c.path(name), []byte(text), 0o755); err != nil {
		c.Fatal(err)
	}
}

// holder starts a process that holds new namespaces until the test ends, and returns its pid.
func holder(t *testing.T, sys *syscall.SysProcAttr) int {
	t.Helper()
	cmd := exec.Command(busybox, "cat")
	cmd.SysProcAttr = sys
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

func inUser() *syscall.SysProcAttr {
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 100000, Size: 65536}}
	return &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids, GidMappingsEnableSetgroups: true, Credential: &syscall.Credential{}}
}

// TestJoin makes containers in existing namespaces.
func TestJoin(t *testing.T) {
	t.Parallel()
	ns := func(pid int, name string) string { return fmt.Sprintf("/proc/%d/ns/%s", pid, name) }
	open := func(t *testing.T, path string) *os.File {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	for name, c := range map[string]struct {
		sys    *syscall.SysProcAttr
		change func(c *container, pid int)
		names  []string // namespaces that must be the holder's
	}{
		"user": {inUser(), func(c *container, pid int) {
			c.mapUser()
			c.cfg.NewUser, c.cfg.UserPath = false, ns(pid, "user")
		}, []string{"user"}},
		"user, in the host's pid namespace": {inUser(), func(c *container, pid int) {
			c.mapUser()
			c.cfg.NewUser, c.cfg.NewPID, c.cfg.UserPath = false, false, ns(pid, "user")
			// There is no new procfs of the host's pid namespace.
			c.spec.Mounts[0] = specs.Mount{Type: "bind", Source: "/proc", Destination: "/proc", Options: []string{"rbind"}}
		}, []string{"user"}},
		"user and time": {inUser(), func(c *container, pid int) {
			c.mapUser()
			c.cfg.NewUser, c.cfg.UserPath, c.cfg.TimePath = false, ns(pid, "user"), ns(pid, "time")
		}, []string{"user", "time"}},
		"time, and a user namespace of its own": {nil, func(c *container, pid int) {
			c.mapUser()
			c.cfg.TimePath = ns(pid, "time")
		}, []string{"time"}},
		"network and UTS before the fork": {&syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWUTS}, func(c *container, pid int) {
			c.cfg.JoinBeforeFork = []*os.File{open(c.T, ns(pid, "net")), open(c.T, ns(pid, "uts"))}
			c.change = func(p *Plan, _ func(*os.File) int) {
				p.Namespaces &^= unix.CLONE_NEWNET | unix.CLONE_NEWUTS
				p.Loopback = false
			}
		}, []string{"net", "uts"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pid := holder(t, c.sys)
			script := "echo $$ $(hostname)"
			for _, name := range c.names {
				script += "; readlink /proc/self/ns/" + name
			}
			box := newContainer(t, script)
			c.change(box, pid)
			lines := strings.Split(box.run(), "\n")
			want := "1 inside"
			if !box.cfg.NewPID {
				want = fmt.Sprint(box.init.Pid, " inside")
			}
			if len(lines) != len(c.names)+2 || lines[0] != want {
				t.Fatalf("%q, want %s", lines, want)
			}
			for i, name := range c.names {
				if want, err := os.Readlink(ns(pid, name)); err != nil || lines[i+1] != want {
					t.Errorf("%s namespace %s, want %s (%v)", name, lines[i+1], want, err)
				}
			}
		})
	}
}

// TestHooks checks when and where the hooks of each point run, and that they get the state. The
// createContainer hooks have an empty environment, and the startContainer hooks that of the program.
func TestHooks(t *testing.T) {
	t.Parallel()
	c := newContainer(t, "cat /log; echo the program")
	inside := func(text string) specs.Hook {
		return specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", `read state; echo "` + text + `" $A $$ ${state#*status} >>log`}}
	}
	c.change = func(p *Plan, _ func(*os.File) int) {
		p.CreateContainer = []specs.Hook{inside("createContainer $(pwd)")}
		p.StartContainer = []specs.Hook{inside("startContainer $(pwd)")}
		p.At = c.path("")
	}
	if err := c.spawn(); err != nil {
		t.Fatal(err)
	}
	c.enclose()
	calls := 0
	err := c.prepare(func() error {
		calls++
		// The root is built: its procfs is mounted in the enclosure, which a look from outside shows.
		at := fmt.Sprintf("/proc/%d/root%s", c.init.Pid, c.path("proc/self"))
		if _, err := os.Lstat(at); err != nil {
			t.Errorf("the root is not built: %v", err)
		}
		c.write("log", "host\n")
		return nil
	})
	if err != nil || calls != 1 {
		t.Fatalf("%v after %d calls", err, calls)
	}
	if err := c.init.Free(); err != nil {
		t.Fatal(err)
	}
	if err := link.Start(c.dir, nil); err != nil {
		t.Fatal(err)
	}
	const state = `":"%s","pid":1,"bundle":"%s"}` + "\n"
	want := "host\n" +
		"createContainer " + c.path("") + " PID " + fmt.Sprintf(state, "creating", c.dir) +
		"startContainer / b PID " + fmt.Sprintf(state, "created", c.dir) + "the program\n"
	if got := regexp.MustCompile(` [0-9]+ `).ReplaceAllString(c.said(), " PID "); got != want {
		t.Errorf("%s\nwant: %s", got, want)
	}
}
