//go:build linux && integration

package lifecycle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

// TestHostileID checks that every command refuses an ID that cannot name a directory or could name
// another one, and makes nothing.
func TestHostileID(t *testing.T) {
	t.Parallel()
	b := newBox(t, "exit 0")
	for _, id := range []string{
		"", ".", "..", "../x", "/x", "a/b", "a\nb", "a b", "a=b", "$(id)", "ä", "@seccomp", "a'b", "a\"b", "a;b", "\x01", "*", strings.Repeat("x", 1025),
	} {
		for _, args := range [][]string{
			{"create", "--bundle", b.bundle, "--", id}, {"run", "--bundle", b.bundle, "--", id}, {"start", "--", id}, {"state", "--", id}, {"kill", "--", id, "KILL"}, {"delete", "--", id},
		} {
			if o := b.berth(args...); o.Status != 1 || o.Stdout != "" {
				t.Errorf("%q: status %d, stdout %q, stderr %q", args, o.Status, o.Stdout, o.Stderr)
			}
		}
		if !isPeer() { // runc takes these for unknown IDs
			if o := b.berth("delete", "--force", "--", id); o.Status != 1 {
				t.Errorf("delete --force %q: status %d", id, o.Status)
			}
		}
	}
	if entries, err := os.ReadDir(b.root); err == nil && len(entries) > 0 {
		t.Errorf("made: %v", entries)
	}
	for _, id := range []string{"-x", "--", "-"} {
		if o := b.berth("state", "--", id); o.Status != 1 || !strings.Contains(o.Stderr, "container does not exist") {
			t.Errorf("state %q: status %d, stderr %q", id, o.Status, o.Stderr)
		}
	}
}

// TestOddID checks that valid but odd IDs and long IDs work.
func TestOddID(t *testing.T) {
	t.Parallel()
	berthOnly(t) // runc has another maximum length
	for _, id := range []string{"a", "-dash", "_", "+", "...", "A.b+c_d-e", strings.Repeat("x", 64), strings.Repeat("y", 200)} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "exit 7")
			if o := b.berth("run", "--bundle", b.bundle, "--", id); o.Status != 7 {
				t.Errorf("status %d, stderr %q", o.Status, o.Stderr)
			}
		})
	}
}

// TestCutConfig checks that create refuses a truncated config.json and makes nothing.
func TestCutConfig(t *testing.T) {
	t.Parallel()
	b := newBox(t, "exit 0", suite.InUserNamespace)
	whole, err := json.Marshal(b.spec)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(whole); n += 97 {
		b.writeRaw(whole[:n])
		o := b.berth(b.createArgs()...)
		if o.Status != 1 || o.Stdout != "" || strings.Count(o.Stderr, "\n") != 1 {
			t.Errorf("%d of %d bytes: status %d, stdout %q, stderr %q", n, len(whole), o.Status, o.Stdout, o.Stderr)
		}
	}
	b.writeRaw(append(whole, "{}"...))
	b.refused("", b.createArgs()...)
	if entries, err := os.ReadDir(b.root); err == nil && len(entries) > 0 {
		t.Errorf("made: %v", entries)
	}
}

// TestWrongTypes checks that create refuses a value whose type is not the schema's, with its JSON
// path.
func TestWrongTypes(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, "exit 0", suite.InUserNamespace)
	b.spec.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"}
	b.spec.Annotations = map[string]string{"a": "b"}
	data, err := json.Marshal(b.spec)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		t.Fatal(err)
	}
	tried := 0
	mutate(tree, "", func(path string) {
		tried++
		changed, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		b.writeRaw(changed)
		o := b.berth(b.createArgs()...)
		if o.Status != 1 || !strings.Contains(strings.NewReplacer(`[\"`, ".", `\"]`, "").Replace(o.Stderr), path) || strings.Count(o.Stderr, "\n") != 1 {
			t.Errorf("%s of a wrong type: status %d, stderr %q", path, o.Status, o.Stderr)
		}
	})
	if tried < 60 {
		t.Errorf("only %d values were tried", tried)
	}
}

// mutate gives each value in turn another type and calls try with its path.
func mutate(v any, path string, try func(path string)) {
	wrong := func(v any) any {
		switch v.(type) {
		case string:
			return 12.5
		default:
			return "wrong"
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			value, name := v[key], strings.TrimPrefix(path+"."+key, ".")
			v[key] = wrong(value)
			if strings.ContainsAny(key, ".") {
				try(path)
			} else {
				try(name)
			}
			v[key] = value
			mutate(value, name, try)
		}
	case []any:
		for i, value := range v {
			if i > 1 {
				break
			}
			name := fmt.Sprintf("%s[%d]", path, i)
			v[i] = wrong(value)
			try(name)
			v[i] = value
			mutate(value, name, try)
		}
	}
}

// lxcKeys returns the keys of the LXC configuration that berth writes, one for each line, and with
// pct also the keys of the CT's configuration.
func (b *box) lxcKeys() []string {
	b.Helper()
	files := []string{filepath.Join(b.root, b.id, "lxc.conf")}
	separators := []string{"="}
	if *backend == "pct" {
		files, separators = append(files, "/etc/pve/lxc/"+b.enclosureName()+".conf"), append(separators, ":")
	}
	var keys []string
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			key, _, found := strings.Cut(line, separators[i])
			if strings.HasPrefix(line, "#") {
				key = "#"
			} else if !found {
				b.Errorf("%s: the line %q", file, line)
			}
			keys = append(keys, strings.TrimSpace(key))
		}
	}
	return keys
}

// evil are texts that would become another line, key or argument if they got into a configuration
// unchanged.
var evil = []string{
	"x\nlxc.hook.pre-start = /bin/false", "x\rlxc.mount.entry=/etc etc none bind", "a = b", "=", "lxc.rootfs.path=/", "x'y", `x"y`, "x\\y", "x;y", "$(touch /tmp/owned)",
	"`touch /tmp/owned`", "x#y", " leading", "trailing ", "tab\tbed", "x\u2028y", "%s%n", "\x7f", "\x1b[31m", "x\n[pve:pending]\nhookscript: x",
}

// TestHostileTexts checks that no text in config.json becomes a line of LXC's or Proxmox VE's
// configuration. The container is as config.json asks for, or it is refused.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	plain := newBox(t, "exit 0")
	plain.create()
	allowed := plain.lxcKeys()
	if len(allowed) < 10 {
		t.Fatalf("the keys of a plain container: %q", allowed)
	}
	for _, c := range []struct {
		name string
		edit func(b *box, text string)
		// refused is true if create may refuse the text. Otherwise it must work.
		refused bool
	}{
		{"args", func(b *box, text string) { b.spec.Process.Args = []string{"echo", "-n", text} }, false},
		{"env", func(b *box, text string) { b.spec.Process.Env = append(b.spec.Process.Env, "E="+text) }, false},
		{"env name", func(b *box, text string) { b.spec.Process.Env = append(b.spec.Process.Env, text+"=1", text) }, true},
		{"cwd", func(b *box, text string) { b.spec.Process.Cwd = "/tmp/" + text }, true},
		{"hostname", func(b *box, text string) { b.spec.Hostname = text }, true},
		{"domainname", func(b *box, text string) { b.spec.Version, b.spec.Domainname = "1.1.0", text }, true},
		{"annotation", func(b *box, text string) {
			b.spec.Annotations = map[string]string{"a": text, text: "b", "org.opencontainers.image.stopSignal": text, "io.container.manager": text,
				"io.kubernetes.cri.sandbox-name": text, "io.kubernetes.cri.container-name": text, "run.oci.systemd.subgroup": text}
		}, true},
		{"mount target", func(b *box, text string) {
			b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/tmp/" + text, Type: "tmpfs", Source: text})
		}, false},
		{"mount source", func(b *box, text string) {
			dir := filepath.Join(b.out, strings.ReplaceAll(text, "/", "_"))
			if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
				b.Fatal(err)
			}
			b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/tmp/target", Type: "bind", Source: dir, Options: []string{"bind"}})
		}, false},
		{"mount option", func(b *box, text string) {
			b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/tmp/target", Type: "tmpfs", Source: "x", Options: []string{text}})
		}, true},
		{"cgroups path", func(b *box, text string) { b.spec.Linux.CgroupsPath = "/" + b.id + strings.ReplaceAll(text, "/", "_") }, true},
		{"relative cgroups path", func(b *box, text string) { b.spec.Linux.CgroupsPath = "../../../" + b.id + text }, true},
		{"namespace path", func(b *box, text string) {
			link := filepath.Join(b.out, strings.ReplaceAll(text, "/", "_"))
			if err := os.Symlink("/proc/1/ns/net", link); err != nil && !errors.Is(err, os.ErrExist) {
				b.Fatal(err)
			}
			suite.Share(specs.NetworkNamespace, link)(b.spec)
		}, true},
		{"masked path", func(b *box, text string) { b.spec.Linux.MaskedPaths = []string{"/tmp/" + text} }, false},
		{"read-only path", func(b *box, text string) { b.spec.Linux.ReadonlyPaths = []string{"/tmp/" + text} }, false},
		{"device", func(b *box, text string) {
			b.spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/" + text, Type: "c", Major: 1, Minor: 3}}
		}, false},
		{"sysctl", func(b *box, text string) {
			b.spec.Linux.Sysctl = map[string]string{"net.ipv4." + text: "1", "net.ipv4.ip_forward": text}
		}, true},
		{"AppArmor profile", func(b *box, text string) { b.spec.Process.ApparmorProfile = text }, true},
		{"root path", func(b *box, text string) {
			name := "root" + strings.ReplaceAll(text, "/", "_")
			if err := os.Rename(b.rootfs(), filepath.Join(b.bundle, name)); err != nil {
				b.Fatal(err)
			}
			b.spec.Root.Path = name
		}, *backend == "pct"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, text := range evil {
				// Each text's box is removed before the next one is made.
				t.Run(fmt.Sprintf("%q", text), func(t *testing.T) {
					b := newBox(t, "exit 0")
					c.edit(b, text)
					b.write()
					o := b.berth(b.createArgs()...)
					if o.Status != 0 {
						if !c.refused || o.Status != 1 || strings.Count(o.Stderr, "\n") != 1 || strings.ContainsAny(o.Stderr, "\x1b\r") {
							t.Errorf("status %d, stderr %q", o.Status, o.Stderr)
						}
						if entries, _ := os.ReadDir(filepath.Join(b.root, b.id)); len(entries) > 0 {
							t.Errorf("left behind: %v", entries)
						}
						return
					}
					b.readPid()
					// A shared namespace and a hostname may each add a key.
					got := b.lxcKeys()
					for _, key := range got {
						if !slices.Contains(allowed, key) && key != "lxc.namespace.share.net" && key != "lxc.uts.name" {
							t.Errorf("the key %q in a configuration", key)
						}
					}
					extra := 0
					if c.name == "namespace path" {
						extra = 1
					}
					if c.name == "annotation" && *backend == "pct" {
						extra = len(got) - len(allowed) // tags are one line or none
					}
					if len(got) != len(allowed)+extra {
						t.Errorf("%d lines of configuration, want %d: %q", len(got), len(allowed)+extra, got)
					}
					b.start()
					b.wait()
					b.must("delete", b.id)
				})
			}
		})
	}
	t.Cleanup(func() {
		if _, err := os.Lstat("/tmp/owned"); err == nil {
			t.Error("a text was run by a shell")
		}
	})
}

// TestHostileRootfs runs containers on a rootfs whose names lead elsewhere. Mounts, masks and
// devices must stay inside.
func TestHostileRootfs(t *testing.T) {
	t.Parallel()
	etc := hashTree("/etc", "/etc/pve")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		script string
		edit   func(b *box)
		want   string
	}{
		{"etc is a link to the host's", "cat /etc/x; ls -l / | grep -o 'etc.*'; exit 0", func(b *box) {
			b.replace("etc", "/etc")
			b.bind("/etc/x")
		}, ""},
		{"etc is a link upwards", "cat /etc/x", func(b *box) {
			b.replace("etc", "../../../../../../../../etc")
			b.bind("/etc/x")
		}, ""},
		{"target is a link to a file of the host's", "cat /tmp/x", func(b *box) {
			b.link("/etc/passwd-of-host", "tmp/x")
			b.bind("/tmp/x")
		}, "mounted\n"},
		{"target with dots", "cat /tmp/x", func(b *box) { b.bind("/../../../../../../tmp/../tmp/x") }, "mounted\n"},
		{"target below a link upwards", "cat /a/x", func(b *box) {
			b.link("../../../../../../../../../../tmp", "a")
			b.bind("/a/x")
		}, "mounted\n"},
		{"a loop of links", "true", func(b *box) {
			b.link("loop2", "loop1")
			b.link("loop1", "loop2")
			b.bind("/loop1/x")
		}, ""},
		{"proc is a link to the host's", "cat /proc/self/comm; true", func(b *box) { b.replace("proc", "/host/proc") }, ""},
		{"dev is a link", "ls -d /dev/null", func(b *box) { b.replace("dev", "/etc") }, ""},
		{"sys is a file", "true", func(b *box) {
			b.must1(os.Remove(filepath.Join(b.rootfs(), "sys")))
			b.must1(os.WriteFile(filepath.Join(b.rootfs(), "sys"), nil, 0o644))
		}, ""},
		{"masked path is a link", "cat /etc/shadow-link; true", func(b *box) {
			b.link("/etc/passwd", "etc/shadow-link")
			b.spec.Linux.MaskedPaths = []string{"/etc/shadow-link"}
		}, ""},
		{"cwd is a link upwards", "pwd", func(b *box) {
			b.link("../../../../../../../../../../", "cwd")
			b.spec.Process.Cwd = "/cwd"
		}, "/\n"},
		{"passwd is a link to the host's", "echo $HOME", func(b *box) {
			b.must1(os.Remove(filepath.Join(b.rootfs(), "etc/passwd")))
			b.link("/etc/passwd-", "etc/passwd")
		}, ""},
		{"passwd is a pipe", "echo $HOME", func(b *box) {
			b.must1(os.Remove(filepath.Join(b.rootfs(), "etc/passwd")))
			suite.Output(b.T, "mkfifo", filepath.Join(b.rootfs(), "etc/passwd"))
		}, ""},
		{"device on a link", "ls -l /tmp/d/node | cut -c1", func(b *box) {
			b.link("/etc", "tmp/d")
			b.spec.Linux.Devices = []specs.LinuxDevice{{Path: "/tmp/d/node", Type: "p"}}
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.name == "passwd is a pipe" {
				berthOnly(t) // runc waits for a writer
			}
			b := newBox(t, c.script)
			c.edit(b)
			b.write()
			o := b.run()
			switch {
			case c.want != "" && (o.Status != 0 || o.Stdout != c.want):
				t.Errorf("status %d, stdout %q, stderr %q", o.Status, o.Stdout, o.Stderr)
			case o.Status != 0 && (o.Stderr == "" || strings.Contains(o.Stderr, "panic")):
				t.Errorf("status %d, stderr %q", o.Status, o.Stderr)
			}
			if strings.Contains(o.Stdout, "root:") {
				t.Errorf("it read a file of the host's: %q", o.Stdout)
			}
		})
	}
	t.Run("rootfs is a link", func(t *testing.T) {
		t.Parallel()
		b := newBox(t, "echo inside; cat /etc/passwd | head -n 1")
		b.must1(os.Rename(b.rootfs(), filepath.Join(b.bundle, "real")))
		b.must1(os.Symlink("real", b.rootfs()))
		o := b.run()
		if o.Status == 0 && !strings.HasPrefix(o.Stdout, "inside\n") || o.Status != 0 && (o.Status != 1 || o.Stderr == "") {
			t.Errorf("status %d, stdout %q, stderr %q", o.Status, o.Stdout, o.Stderr)
		}
	})
	t.Run("rootfs is not there", func(t *testing.T) {
		t.Parallel()
		b := newBox(t, "exit 0")
		b.spec.Root.Path = "nosuch"
		b.write()
		b.refused("no such file or directory", b.createArgs()...)
		b.spec.Root.Path = "config.json"
		b.write()
		b.refused("", b.createArgs()...)
	})
	t.Cleanup(func() {
		if hashTree("/etc", "/etc/pve") != etc {
			t.Error("the host's /etc has changed")
		}
		if now, _ := os.Hostname(); now != host {
			t.Errorf("the host is called %q now", now)
		}
	})
}

func (b *box) must1(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// link makes a symbolic link in the rootfs.
func (b *box) link(target, name string) {
	b.Helper()
	b.must1(os.Symlink(target, filepath.Join(b.rootfs(), name)))
}

// replace replaces a directory in the rootfs by a symbolic link.
func (b *box) replace(name, target string) {
	b.Helper()
	b.must1(os.RemoveAll(filepath.Join(b.rootfs(), name)))
	b.link(target, name)
}

// bind mounts a file with the text "mounted" at target.
func (b *box) bind(target string) {
	b.Helper()
	source := filepath.Join(b.out, "source")
	b.must1(os.WriteFile(source, []byte("mounted\n"), 0o644))
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: target, Type: "bind", Source: source, Options: []string{"bind", "ro"}})
}

// TestRefusedAtCreate checks that create refuses, with its JSON path, what a later command or the
// last step of start could not do.
func TestRefusedAtCreate(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	for name, c := range map[string]struct {
		want string
		edit func(*specs.Spec)
	}{
		"no agent": {"linux.seccomp.listenerPath: failed to connect with seccomp agent specified in the seccomp profile: /nosuch/agent: ", func(s *specs.Spec) {
			s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: "/nosuch/agent",
				Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir"}, Action: specs.ActNotify}}}
		}},
		"an agent that is a file": {"/etc/passwd: it is not a socket", func(s *specs.Spec) {
			s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: "/etc/passwd",
				Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir"}, Action: specs.ActNotify}}}
		}},
		"initial affinity": {"process.execCPUAffinity.initial: ", func(s *specs.Spec) { s.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: "9000"} }},
		"final affinity":   {"process.execCPUAffinity.final: ", func(s *specs.Spec) { s.Process.ExecCPUAffinity = &specs.CPUAffinity{Final: ","} }},
		"a device's place": {"linux.devices[0] (/etc/passwd/x): ", func(s *specs.Spec) {
			s.Linux.Devices = []specs.LinuxDevice{{Path: "/etc/passwd/x", Type: "c", Major: 1, Minor: 3}}
		}},
		"an unmapped user":                   {"process.user.uid: ", func(s *specs.Spec) { suite.InUserNamespace(s); s.Process.User.UID = 70000 }},
		"a working directory that is a file": {`process.cwd (/etc/passwd): `, func(s *specs.Spec) { s.Process.Cwd = "/etc/passwd" }},
		"a cgroup that ends with a blank":    {"linux.cgroupsPath: ", func(s *specs.Spec) { s.Linux.CgroupsPath = "/berth-test/a " }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "true", c.edit)
			if len(b.spec.Linux.UIDMappings) > 0 {
				lend(b)
			}
			if *backend == "pct" && b.spec.Linux.CgroupsPath != "" {
				t.Skip("Proxmox VE chooses the cgroup")
			}
			b.refused(c.want, b.createArgs()...)
		})
	}
}

// TestMisnamedProperty checks that create warns about a property whose case differs from the
// specification's and ignores it.
func TestMisnamedProperty(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, "true")
	data, err := json.Marshal(b.spec)
	b.must1(err)
	b.writeRaw(bytes.Replace(data, []byte(`{`), []byte(`{"HostName":"x",`), 1))
	o := b.berth(b.createArgs()...)
	if o.Status != 0 || !strings.Contains(o.Stderr, "level=warning") || !strings.Contains(o.Stderr, "HostName: is unknown and ignored") {
		t.Errorf("create: %+v", o)
	}
	b.must("delete", "--force", b.id)
}
