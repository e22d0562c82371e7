//go:build linux && integration

package lifecycle

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

// These tests try the escapes from containers that were found in runc and crun from 2019 on. The
// races are in cve_race_linux_test.go.

// TestExecutableIsNotOverwritten tries CVE-2019-5736: a container overwrites the runtime's
// executable through /proc/PID/exe. Its program is a script whose interpreter is the runtime
// itself, and a watcher writes to every executable that it finds while exec brings programs in. A
// successful attack would leave a line in /out/wrote or a changed berth.
func TestExecutableIsNotOverwritten(t *testing.T) {
	t.Parallel()
	sum := func() string {
		data, err := os.ReadFile(*program)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%x", sha256.Sum256(data))
	}
	before := sum()
	b := newBox(t, `n=0
		while [ ! -e /out/stop ]; do
			for exe in /proc/[0-9]*/exe; do
				name=$(readlink $exe) || continue
				case $name in */busybox) continue;; esac
				echo "$name" >>/out/saw
				( : >>$exe ) 2>/dev/null && echo "$name" >>/out/wrote
				( printf x | dd of=$exe conv=notrunc ) 2>/dev/null && echo "$name" >>/out/wrote
			done
			n=$((n+1)); echo $n >/out/rounds
		done`, func(s *specs.Spec) {
		all := append(slices.Clone(defaultCaps), "CAP_SYS_PTRACE", "CAP_SYS_ADMIN")
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all}
	})
	b.must1(os.WriteFile(filepath.Join(b.rootfs(), "bin/evil"), []byte("#!/proc/self/exe\n"), 0o755))
	b.create()
	b.start()
	b.awaitFile("rounds")
	for range 15 {
		if o := b.berth("exec", b.id, "true"); o.Status != 0 {
			t.Errorf("exec: status %d, %s", o.Status, o.Stderr)
		}
		b.berth("exec", b.id, "/bin/evil")
	}
	b.must1(os.WriteFile(filepath.Join(b.out, "stop"), nil, 0o644))
	b.wait()
	if n, _ := strconv.Atoi(strings.TrimSpace(b.awaitFile("rounds"))); n < 2 {
		t.Errorf("the watcher looked %d times", n)
	}
	if data, err := os.ReadFile(filepath.Join(b.out, "wrote")); err == nil {
		t.Errorf("it wrote to %s", data)
	}
	evil := b.sibling("evil", "")
	evil.spec.Process.Args = []string{"/bin/evil"}
	evil.write()
	b.must1(os.WriteFile(filepath.Join(evil.rootfs(), "bin/evil"), []byte("#!/proc/self/exe\n"), 0o755))
	if o := evil.run(); o.Status == 0 || strings.Contains(o.Stdout, "USAGE") {
		t.Errorf("a program that is the runtime's own: status %d, %q %q", o.Status, o.Stdout, o.Stderr)
	}
	if sum() != before {
		t.Error("berth has been overwritten")
	}
}

// TestExecutableIsNotOverwrittenLater tries CVE-2019-5736 with a delay. The program that exec
// brings in has the kernel run the runtime again and keeps it waiting. Meanwhile the container
// opens the executable for reading. It reopens this descriptor for writing when nothing runs the
// file any more. The runtime is a copy, so no other test runs it.
func TestExecutableIsNotOverwrittenLater(t *testing.T) {
	t.Parallel()
	own := filepath.Join(t.TempDir(), "berth")
	before, err := os.ReadFile(*program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(own, before, 0o755); err != nil {
		t.Fatal(err)
	}
	b := newBox(t, `mkfifo /out/log; echo >/out/ready
		while [ ! -e /out/saw ]; do
			for exe in /proc/[0-9]*/exe; do
				name=$(readlink $exe) || continue
				case $name in */busybox) continue;; esac
				exec 9<$exe && echo "$name" >/out/saw && break
			done
		done
		cat /out/log >/dev/null
		while [ ! -e /out/over ]; do sleep 0.05; done
		( printf x | dd of=/proc/self/fd/9 conv=notrunc ) 2>/out/error && echo >/out/wrote
		echo >/out/tried; sleep 1000`)
	b.must1(os.WriteFile(filepath.Join(b.rootfs(), "bin/evil"), []byte("#!/proc/self/exe --log=/out/log\n"), 0o755))
	b.create()
	b.start()
	b.awaitFile("ready")
	cmd := b.command("exec", b.id, "/bin/evil")
	cmd.Path, cmd.Args[0] = own, own
	if o, err := suite.Run(cmd); err != nil || o.Status == 0 {
		t.Errorf("exec of the runtime itself: %v, status %d, %s", err, o.Status, o.Stderr)
	}
	b.must1(os.WriteFile(filepath.Join(b.out, "over"), nil, 0o644))
	b.awaitFile("tried")
	if saw := b.awaitFile("saw"); strings.Contains(saw, own) {
		t.Errorf("inside, /proc/PID/exe leads to %s", saw)
	}
	if data, err := os.ReadFile(filepath.Join(b.out, "wrote")); err == nil {
		t.Errorf("it wrote to berth %s", data)
	}
	if after, err := os.ReadFile(own); err != nil || !bytes.Equal(before, after) {
		t.Errorf("berth has been overwritten (%v)", err)
	}
}

// TestWorkingDirectoryStaysInside tries CVE-2024-21626: the working directory is a descriptor that
// the runtime has leaked and leads to the host. The caller leaves descriptors open as well. A
// successful attack would read the host's file.
func TestWorkingDirectoryStaysInside(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(suite.Dir(), "secret-of-the-host")
	if err := os.WriteFile(secret, []byte("the host's\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	up := strings.Repeat("../", 12)
	script := "cat ." + secret + " " + up + "." + secret + " 2>/dev/null; true"
	open := func() *os.File {
		root, err := os.Open("/")
		if err != nil {
			t.Fatal(err)
		}
		return root
	}
	b := newBox(t, forever)
	b.running()
	for fd := range 16 {
		for _, dir := range []string{fmt.Sprintf("/proc/self/fd/%d", fd), fmt.Sprintf("/proc/1/fd/%d", fd), fmt.Sprintf("/proc/thread-self/fd/%d/", fd)} {
			cmd := b.command("exec", "--cwd", dir, b.id, "sh", "-c", script)
			for range 4 {
				root := open()
				defer root.Close()
				cmd.ExtraFiles = append(cmd.ExtraFiles, root)
			}
			if o := suite.Execute(t, cmd); strings.Contains(o.Stdout, "the host's") {
				t.Fatalf("exec in %s is on the host: %q", dir, o.Stdout)
			}
		}
	}
	for _, fd := range []int{3, 4, 5, 6, 7, 8, 9, 10} {
		c := b.sibling("cwd"+strconv.Itoa(fd), script)
		c.spec.Process.Cwd = fmt.Sprintf("/proc/self/fd/%d", fd)
		c.write()
		cmd := c.command("run", "--bundle", c.bundle, c.id)
		for range 4 {
			root := open()
			defer root.Close()
			cmd.ExtraFiles = append(cmd.ExtraFiles, root)
		}
		if o := suite.Execute(t, cmd); strings.Contains(o.Stdout, "the host's") {
			t.Errorf("run in %s is on the host: %q", c.spec.Process.Cwd, o.Stdout)
		}
		// Try the same through a link in the image.
		c.link(c.spec.Process.Cwd, "cwd")
		c.spec.Process.Cwd = "/cwd"
		c.write()
		cmd = c.command("run", "--bundle", c.bundle, c.id)
		cmd.ExtraFiles = []*os.File{open(), open()}
		if o := suite.Execute(t, cmd); strings.Contains(o.Stdout, "the host's") {
			t.Errorf("run in a link to /proc/self/fd/%d is on the host: %q", fd, o.Stdout)
		}
		for _, f := range cmd.ExtraFiles {
			f.Close()
		}
	}
}

// TestNothingIsInheritable tries CVE-2022-29162 and CVE-2022-27650: capabilities that should only
// be permitted are also inheritable, at create and with exec --cap. A successful attack would show
// in CapInh.
func TestNothingIsInheritable(t *testing.T) {
	t.Parallel()
	b := newBox(t, "grep CapInh /proc/self/status >/out/inheritable; "+forever)
	b.create()
	b.start()
	const none = "CapInh:\t0000000000000000\n"
	if got := b.awaitFile("inheritable"); got != none {
		t.Errorf("at create: %q", got)
	}
	for _, args := range [][]string{{}, {"--cap", "CAP_NET_RAW"}, {"--cap", "CAP_NET_RAW", "--cap", "CAP_CHOWN", "--user", "1000"}} {
		o := b.berth(append(append([]string{"exec"}, args...), b.id, "grep", "CapInh", "/proc/self/status")...)
		if o.Status != 0 || o.Stdout != none {
			t.Errorf("exec %q: status %d, %q %q", args, o.Status, o.Stdout, o.Stderr)
		}
	}
}

// TestHugeValues tries to overflow messages to a helper, as runc's netlink messages could, whose
// lengths have 16 bits. Huge texts and lists must arrive whole or be refused, never in part.
func TestHugeValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		script string
		edit   func(s *specs.Spec)
		want   string // if it is not refused
	}{
		{"300 ranges of ids", "wc -l </proc/self/uid_map; tail -n 1 /proc/self/uid_map | tr -s ' '", func(s *specs.Spec) {
			suite.InUserNamespace(s)
			s.Linux.UIDMappings = ranges(300)
		}, "300\n 299 100299 1\n"},
		{"5000 ranges of ids", "wc -l </proc/self/uid_map", func(s *specs.Spec) {
			suite.InUserNamespace(s)
			s.Linux.UIDMappings, s.Linux.GIDMappings = ranges(5000), ranges(5000)
		}, "5000\n"},
		{"an argument of 100000 bytes", `echo ${#1}`, func(s *specs.Spec) {
			s.Process.Args = append(s.Process.Args, "sh", strings.Repeat("a", 100000))
		}, "100000\n"},
		{"an argument of 65536 bytes", `echo ${#1}`, func(s *specs.Spec) {
			s.Process.Args = append(s.Process.Args, "sh", strings.Repeat("a", 65536))
		}, "65536\n"},
		{"20000 arguments", `echo $#`, func(s *specs.Spec) {
			s.Process.Args = append(append(s.Process.Args, "sh"), slices.Repeat([]string{"arg"}, 20000)...)
		}, "20000\n"},
		{"4 MiB of environment", "env | wc -l", func(s *specs.Spec) {
			for i := range 64 {
				s.Process.Env = append(s.Process.Env, fmt.Sprintf("V%d=%s", i, strings.Repeat("x", 65536)))
			}
		}, ""},
		{"1 MiB of environment", "env | grep -c ^V", func(s *specs.Spec) {
			for i := range 16 {
				s.Process.Env = append(s.Process.Env, fmt.Sprintf("V%d=%s", i, strings.Repeat("x", 65000)))
			}
		}, "16\n"},
		{"65536 groups", "grep Groups /proc/self/status | wc -w", func(s *specs.Spec) {
			for i := range uint32(65536) {
				s.Process.User.AdditionalGids = append(s.Process.User.AdditionalGids, i+1)
			}
		}, "65537\n"},
		{"65537 groups", "true", func(s *specs.Spec) {
			for i := range uint32(65537) {
				s.Process.User.AdditionalGids = append(s.Process.User.AdditionalGids, i+1)
			}
		}, ""},
		{"a cgroup path of 70000 bytes", "true", func(s *specs.Spec) { s.Linux.CgroupsPath = "/" + strings.Repeat("x/", 35000) }, ""},
		{"mount data of 5000 bytes", "true", func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/data", Type: "tmpfs", Source: "tmpfs", Options: []string{"mpol=" + strings.Repeat("x", 5000)}})
		}, ""},
		{"a target of 5000 bytes", "true", func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: strings.Repeat("/d", 2500), Type: "tmpfs", Source: "tmpfs"})
		}, ""},
		{"a host name of 65536 bytes", "hostname", func(s *specs.Spec) { s.Hostname = strings.Repeat("h", 65536) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, c.script, c.edit)
			o := b.run()
			switch {
			case o.Status == 0 && c.want != "" && o.Stdout != c.want:
				t.Errorf("in part: %.200q, want %q", o.Stdout, c.want)
			case o.Status != 0 && (o.Status != 1 || o.Stderr == "" || strings.Contains(o.Stderr, "panic") || o.Stdout != ""):
				t.Errorf("status %d, %.300q, %.300q", o.Status, o.Stdout, o.Stderr)
			}
		})
	}
}

// ranges returns n ID mappings of size 1.
func ranges(n uint32) (list []specs.LinuxIDMapping) {
	for i := range n {
		list = append(list, specs.LinuxIDMapping{ContainerID: i, HostID: 100000 + i, Size: 1})
	}
	return list
}

// TestNoFileThroughTheRoot tries CVE-2025-24965: because of an annotation crun wrote its own file
// into the root, through a link at that name. A successful attack would change the host's file.
func TestNoFileThroughTheRoot(t *testing.T) {
	t.Parallel()
	for _, name := range []string{".krun_config.json", "etc/passwd", "etc/hostname", "etc/hosts", "etc/resolv.conf", "dev/console", "dev/ptmx", "run/.containerenv"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "true", func(s *specs.Spec) {
				s.Annotations = map[string]string{"run.oci.handler": "krun", "run.oci.hooks.stdout": "/proc/self/root/etc/x"}
			})
			victim := filepath.Join(b.out, "victim")
			b.must1(os.WriteFile(victim, []byte("unchanged"), 0o644))
			at := filepath.Join(b.rootfs(), name)
			b.must1(os.MkdirAll(filepath.Dir(at), 0o755))
			b.must1(os.RemoveAll(at))
			b.must1(os.Symlink(victim, at))
			if o := b.run(); o.Status != 0 && o.Stderr == "" {
				t.Errorf("status %d without a word", o.Status)
			}
			if data, err := os.ReadFile(victim); err != nil || string(data) != "unchanged" {
				t.Errorf("the host's file is %q (%v)", data, err)
			}
		})
	}
}
