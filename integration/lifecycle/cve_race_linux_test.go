//go:build linux && integration

package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

// races is how many containers a test makes while it exchanges something under them.
const races = 8

// exchange swaps a name with others until the test ends, as another container that shares the
// directory could. It counts its swaps.
func exchange(t *testing.T, name string, others ...string) *atomic.Int64 {
	t.Helper()
	var count atomic.Int64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if unix.Renameat2(unix.AT_FDCWD, name, unix.AT_FDCWD, others[i%len(others)], unix.RENAME_EXCHANGE) == nil {
				count.Add(1)
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
	return &count
}

// volume makes a directory on the host and mounts it in the container at a path.
func (b *box) volume(at string) string {
	b.Helper()
	dir := filepath.Join(filepath.Dir(b.root), "volume")
	b.must1(os.MkdirAll(dir, 0o755))
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: at, Type: "bind", Source: dir, Options: []string{"rbind", "rw"}})
	return dir
}

// raced runs the container several times. wrong returns what is wrong with the output, or "".
func (b *box) raced(count *atomic.Int64, wrong func(stdout string) string) {
	b.Helper()
	b.write()
	made, last := 0, ""
	for range races {
		o := b.run()
		last = o.Stderr
		if o.Status == 0 {
			made++
		} else if o.Stderr == "" || strings.Contains(o.Stderr, "panic") {
			b.Errorf("status %d: %q %q", o.Status, o.Stdout, o.Stderr)
		}
		if why := wrong(o.Stdout); why != "" {
			b.Fatalf("%s: %q %q", why, o.Stdout, o.Stderr)
		}
	}
	if count.Load() < races {
		b.Errorf("only %d exchanges: no race", count.Load())
	}
	b.Logf("%d of %d made, %d exchanges; the last: %s", made, races, count.Load(), last)
}

// TestMountTargetRace tries CVE-2021-30465, CVE-2024-45310 and CVE-2023-27561: a mount's target is
// exchanged for a link between the check and the mount. A successful attack would mount something
// outside the root or in /proc, or make a file on the host.
func TestMountTargetRace(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cut -d' ' -f5,9- /proc/self/mountinfo; ls -A /v")
	dir := b.volume("/v")
	outside := filepath.Join(b.out, "outside")
	b.must1(os.MkdirAll(outside+"/deep", 0o755))
	b.must1(os.MkdirAll(dir+"/d/deep", 0o755))
	b.must1(os.Symlink(outside, dir+"/l"))
	b.must1(os.Symlink("/proc", dir+"/p"))
	b.must1(os.Symlink("/proc/self/root/../../../.."+outside, dir+"/m"))
	source := filepath.Join(b.out, "source")
	b.must1(os.WriteFile(source, []byte("x"), 0o644))
	add := func(m specs.Mount) { b.spec.Mounts = append(b.spec.Mounts, m) }
	add(specs.Mount{Destination: "/v/d/deep", Type: "tmpfs", Source: "raced", Options: []string{"size=4k"}})
	add(specs.Mount{Destination: "/v/d/made/deeper", Type: "tmpfs", Source: "raced", Options: []string{"size=4k"}})
	add(specs.Mount{Destination: "/v/d/sys/kernel/core_pattern", Type: "bind", Source: source, Options: []string{"bind"}})
	b.spec.Linux.Devices = []specs.LinuxDevice{{Path: "/v/d/node", Type: "p"}}
	b.spec.Process.Cwd = "/v/d/cwd"
	count := exchange(t, dir+"/d", dir+"/l", dir+"/p", dir+"/m")
	before, _ := os.ReadFile("/proc/sys/kernel/core_pattern")
	b.raced(count, func(stdout string) string {
		for line := range strings.Lines(stdout) {
			if strings.HasPrefix(line, "/proc/") && strings.Contains(line, "raced") || strings.HasPrefix(line, "/proc/sys/kernel/core_pattern") {
				return "mounted in /proc"
			}
		}
		if list := strings.Join(listTree(outside), "\n"); strings.Contains(list, "made") || strings.Contains(list, "node") || strings.Contains(list, "cwd") || strings.Contains(list, "sys") {
			return "made on the host: " + list
		}
		return ""
	})
	if now, _ := os.ReadFile("/proc/sys/kernel/core_pattern"); string(now) != string(before) {
		t.Errorf("the host's core_pattern is %q", now)
	}
}

// TestMaskRace tries CVE-2025-31133: masking binds the container's /dev/null, which at that moment
// is a link into /proc. In a successful attack the mask is not the null device but the link's
// target, which the container could then write to.
func TestMaskRace(t *testing.T) {
	t.Parallel()
	b := newBox(t, "for p in /proc/keys /etc/passwd; do stat -c '%n %t:%T' $p; done")
	dir := filepath.Join(filepath.Dir(b.root), "dev")
	b.must1(os.Mkdir(dir, 0o755))
	b.must1(os.Symlink("/proc/sysrq-trigger", dir+"/one"))
	b.must1(os.Symlink("/proc/sys/kernel/core_pattern", dir+"/two"))
	b.must1(os.WriteFile(dir+"/file", []byte("not masked\n"), 0o666))
	b.must1(unix.Mknod(dir+"/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	// Another container has the volume /dev, too.
	for i, m := range b.spec.Mounts {
		if m.Destination == "/dev" {
			b.spec.Mounts[i] = specs.Mount{Destination: "/dev", Type: "bind", Source: dir, Options: []string{"rbind", "rw"}}
		}
	}
	b.spec.Linux.MaskedPaths = []string{"/proc/keys", "/etc/passwd"}
	count := exchange(t, dir+"/null", dir+"/one", dir+"/two", dir+"/file")
	b.raced(count, func(stdout string) string {
		for line := range strings.Lines(stdout) {
			if !strings.HasSuffix(line, " 1:3\n") {
				return "masked by something else than the null device"
			}
		}
		return ""
	})
}

// TestConsoleRace tries CVE-2025-52565: the terminal is bound to /dev/console, which at that moment
// is a link into /proc. A successful attack would mount the terminal there.
func TestConsoleRace(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cut -d' ' -f5 /proc/self/mountinfo >/out/mounts; echo done >/out/done", func(s *specs.Spec) { s.Process.Terminal = true })
	dir := filepath.Join(filepath.Dir(b.root), "dev")
	b.must1(os.Mkdir(dir, 0o755))
	b.must1(os.Symlink("/proc/sysrq-trigger", dir+"/one"))
	b.must1(os.Symlink("/proc/sys/kernel/core_pattern", dir+"/two"))
	b.must1(os.WriteFile(dir+"/console", nil, 0o666))
	for i, m := range b.spec.Mounts {
		if m.Destination == "/dev" {
			b.spec.Mounts[i] = specs.Mount{Destination: "/dev", Type: "bind", Source: dir, Options: []string{"rbind", "rw"}}
		}
	}
	b.write()
	count := exchange(t, dir+"/console", dir+"/one", dir+"/two")
	made := 0
	for i := range races {
		r := suite.Listen(t)
		name := fmt.Sprintf("%s-%d", b.id, i)
		o := b.berth("run", "--detach", "--bundle", b.bundle, "--console-socket", r.Path, "--pid-file", filepath.Join(b.out, "pid"), name)
		if o.Status == 0 {
			made++
			r.Receive(t)
			b.awaitFile("done")
			mounts, _ := os.ReadFile(filepath.Join(b.out, "mounts"))
			for line := range strings.Lines(string(mounts)) {
				if strings.HasPrefix(line, "/proc/sys") {
					t.Errorf("the terminal is on %s", line)
				}
			}
			_ = os.Remove(filepath.Join(b.out, "done"))
		} else if o.Stderr == "" {
			t.Errorf("status %d without a word", o.Status)
		}
		b.must("delete", "--force", name)
	}
	if count.Load() < races {
		t.Errorf("only %d exchanges: no race", count.Load())
	}
	t.Logf("%d of %d made, %d exchanges", made, races, count.Load())
}

// TestForgedProcIsNotWritten tries CVE-2025-52881 and CVE-2019-19921: the runtime's writes to /proc
// go to files that the container has put there. /proc is a volume that has the same names as files
// or as links to a file on the host. A successful attack would change a file, or start a process
// without the attributes that the runtime meant to set.
func TestForgedProcIsNotWritten(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"files", "links"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "true", func(s *specs.Spec) {
				s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "kernel.msgmax": "4096"}
				s.Process.OOMScoreAdj = ptr(500)
				s.Process.ApparmorProfile = "unconfined"
				s.Linux.MaskedPaths = []string{"/proc/keys", "/proc/sys/kernel/core_pattern"}
				s.Linux.ReadonlyPaths = []string{"/proc/sys", "/proc/sysrq-trigger"}
			})
			fake := filepath.Join(filepath.Dir(b.root), "proc")
			victim := filepath.Join(b.out, "victim")
			b.must1(os.WriteFile(victim, []byte("unchanged"), 0o666))
			for _, name := range []string{"sys/net/ipv4/ip_forward", "sys/kernel/msgmax", "self/attr/exec", "self/attr/apparmor/exec", "self/oom_score_adj",
				"thread-self/attr/exec", "thread-self/attr/apparmor/exec", "1/oom_score_adj", "1/attr/exec", "self/uid_map", "sysrq-trigger", "sys/kernel/core_pattern", "keys"} {
				at := filepath.Join(fake, name)
				b.must1(os.MkdirAll(filepath.Dir(at), 0o755))
				if kind == "links" {
					b.must1(os.Symlink(victim, at))
				} else {
					b.must1(os.WriteFile(at, []byte("unchanged"), 0o666))
				}
			}
			for i, m := range b.spec.Mounts {
				if m.Destination == "/proc" {
					b.spec.Mounts[i] = specs.Mount{Destination: "/proc", Type: "bind", Source: fake, Options: []string{"rbind", "rw"}}
				}
			}
			b.write()
			if o := b.run(); o.Status == 0 {
				t.Errorf("made, with a /proc that is none: %q", o.Stdout)
			} else if o.Stderr == "" {
				t.Errorf("status %d without a word", o.Status)
			}
			for _, line := range listTree(fake) {
				if path, _, _ := strings.Cut(line, " "); path != "" {
					if data, err := os.ReadFile(filepath.Join(fake, path)); err == nil && string(data) != "unchanged" {
						t.Errorf("%s was written: %q", path, data)
					}
				}
			}
			if data, _ := os.ReadFile(victim); string(data) != "unchanged" {
				t.Errorf("the host's file was written: %q", data)
			}
		})
	}
}
