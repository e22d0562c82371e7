//go:build linux && testhost

package freebsd

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/jail/kernel"
	"github.com/berth-oci/berth/integration/freebsd/host"
	"github.com/berth-oci/berth/integration/suite"
)

// podmanConfig is podman's config.json on FreeBSD 14 with a shortened environment. It has
// annotations instead of freebsd.jail.
const podmanConfig = `{"ociVersion":"1.2.1","process":{"terminal":%v,"user":{"uid":0,"gid":0},"args":%s,
"env":["PATH=/sbin:/bin:/usr/sbin:/usr/bin","container=podman","TERM=xterm","HOSTNAME=3f6f5c1b2d0e","HOME=/root"],"cwd":"/",
"rlimits":[{"type":"RLIMIT_NOFILE","hard":4096,"soft":4096}]},
"root":{"path":"%s"},"hostname":"3f6f5c1b2d0e",
"mounts":[{"destination":"/dev","type":"devfs","source":"devfs","options":["ruleset=4"]},
{"destination":"/dev/fd","type":"fdescfs","source":"fdesc"},
{"destination":"/etc/hosts","type":"nullfs","source":"%[4]s","options":["bind","rprivate"]},
{"destination":"/etc/resolv.conf","type":"nullfs","source":"%[4]s","options":["bind","rprivate"]},
{"destination":"/run/.containerenv","type":"nullfs","source":"%[4]s","options":["bind","rprivate"]}],
"annotations":{"io.container.manager":"libpod","io.podman.annotations.autoremove":"FALSE","org.opencontainers.image.stopSignal":"15",
"org.freebsd.jail.vnet":"new","org.freebsd.jail.allow.mlock":"true"}}`

func (b *box) podman(terminal bool, args ...string) {
	b.Helper()
	list, _ := json.Marshal(args)
	text := fmt.Sprintf(podmanConfig, terminal, list, b.root(), b.write("hosts", "127.0.0.1 localhost\n"))
	b.must(os.WriteFile(b.file("bundle/config.json"), []byte(text), 0o644))
}

// TestPodman runs the command lines of podman 5 and conmon 2 in a container's life.
func TestPodman(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.podman(false, "/bin/sleep", "1000")
	log := []string{"--log-format=json", "--log=" + b.file("oci-log")}
	conmon := func(args ...string) []string { return append(append([]string{}, log...), args...) }
	b.berth(conmon("create", "--bundle", b.file("bundle"), "--pid-file", b.file("pid"), b.id)...)
	pid := b.pid()
	b.wantStatus(specs.StateCreated)
	b.berth("start", b.id)
	b.wantStatus(specs.StateRunning)
	process := b.write("process.json", `{"user":{"uid":0,"gid":0},"args":["cat","/etc/hosts"],"env":["PATH=/bin"],"cwd":"/"}`)
	b.berth(conmon("exec", "--pid-file", b.file("pid2"), "--process", process, "--detach", b.id)...)
	var second int
	fmt.Sscan(b.sh("cat "+b.file("pid2")), &second)
	if status := b.wait(second); status != 0 {
		t.Errorf("exec ended with %d", status)
	}
	resources := b.write("resources.json", `{"memory":{"limit":33554432,"swap":-1},"pids":{"limit":100}}`)
	b.berth("update", "--resources="+resources, b.id)
	b.wantLimits("maxproc:deny=100", "memoryuse:deny=33554432")
	b.refused("cannot be paused", "pause", b.id)
	b.wantStatus(specs.StateRunning)
	if out := b.berth("--version"); !strings.Contains(out, "berth version ") {
		t.Errorf("the version is %q", out)
	}
	b.berth("kill", b.id, "15")
	if status := b.wait(pid); status != 128+15 {
		t.Errorf("the container ended with %d", status)
	}
	b.wantStatus(specs.StateStopped)
	b.berth("delete", "--force", b.id)
	b.wantCalls(
		"devfs rule -s 4 show",
		"mount -t devfs -o ruleset=4 devfs BOX/bundle/root/dev",
		"mount -t fdescfs fdescfs BOX/bundle/root/dev/fd",
		"mount -t nullfs BOX/hosts BOX/bundle/root/etc/hosts",
		"mount -t nullfs BOX/hosts BOX/bundle/root/etc/resolv.conf",
		"mount -t nullfs BOX/hosts BOX/bundle/root/run/.containerenv",
		"jail -i -c name=ID path=BOX/bundle/root persist host=new host.hostname=3f6f5c1b2d0e vnet=new enforce_statfs=1 allow.chflags allow.mlock allow.raw_sockets",
		"rctl -a jail:ID:maxproc:deny=100",
		"rctl -a jail:ID:memoryuse:deny=33554432",
		"rctl jail:ID",
		"rctl -r jail:ID",
		"jail -R ID",
		"umount -f BOX/bundle/root/run/.containerenv",
		"umount -f BOX/bundle/root/etc/resolv.conf",
		"umount -f BOX/bundle/root/etc/hosts",
		"umount -f BOX/bundle/root/dev/fd",
		"umount -f BOX/bundle/root/dev",
	)
	b.wantNoTraces()
	// An error is one JSON object in the log, which conmon reads.
	b.refused("", conmon("create", "--bundle", b.file("nothing"), b.id)...)
	var line struct{ Level, Msg string }
	b.must(json.Unmarshal([]byte(b.sh("cat "+b.file("oci-log"))), &line))
	if line.Level != "error" || line.Msg == "" {
		t.Errorf("the log has %+v", line)
	}
}

// TestPod runs a pod. Its members are jails inside the jail of the infra container, which has the
// network. podman removes the members first, or the infra container first.
func TestPod(t *testing.T) {
	t.Parallel()
	for _, infraFirst := range []bool{false, true} {
		infra, member := newBox(t), newBox(t)
		for _, dir := range []string{"host", "state"} {
			member.must(os.RemoveAll(member.file(dir)))
			member.must(os.Symlink(infra.file(dir), member.file(dir)))
		}
		infra.podman(false, "/bin/sleep", "1000")
		infra.berth("create", "--pid-file", infra.file("pid"), infra.id)
		infra.berth("start", infra.id)
		member.config.Process.Args = []string{"/bin/sleep", "1000"}
		member.config.Annotations = map[string]string{"org.freebsd.parentJail": infra.id}
		member.create()
		member.berth("start", member.id)
		name := infra.id + "." + member.id
		infra.host(func(h *host.Host) {
			if h.Jails[name] == nil || h.Jails[infra.id].ChildrenMax != 1 {
				t.Errorf("jails: %v", h.Jails)
			}
		})
		if out := infra.berth("ps", "--format", "json", infra.id); !slices.Equal(pids(out), []int{infra.pid()}) {
			t.Errorf("ps shows %s, not %d", out, infra.pid())
		}
		boxes := []*box{member, infra}
		if infraFirst {
			slices.Reverse(boxes)
		}
		for _, b := range boxes {
			b.berth("kill", "--all", b.id, "9")
			b.berth("delete", "--force", b.id)
		}
		for _, b := range boxes {
			if status := b.wait(b.pid()); status != 137 {
				t.Errorf("%s ended with %d", b.id, status)
			}
		}
		infra.wantNoTraces()
		member.wantNoTraces()
	}
}

// TestContainerd runs the command lines of containerd's shim for runc and checks the states that it
// looks for.
func TestContainerd(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.config.Process.Args = []string{"/bin/sleep", "1000"}
	b.bundle()
	shim := func(args ...string) []string {
		return append([]string{"--root", b.file("state"), "--log", b.file("log.json"), "--log-format", "json"}, args...)
	}
	b.berth(shim("create", "--bundle", b.file("bundle"), "--pid-file", b.file("pid"), b.id)...)
	pid := b.pid()
	b.berth(shim("start", b.id)...)
	process := b.write("process.json", `{"user":{"uid":0,"gid":0},"args":["sleep","1000"],"env":["PATH=/bin"],"cwd":"/"}`)
	b.berth(shim("exec", "--process", process, "--detach", "--pid-file", b.file("exec.pid"), b.id)...)
	var second int
	fmt.Sscan(b.sh("cat "+b.file("exec.pid")), &second)
	if got := pids(b.berth(shim("ps", "--format", "json", b.id)...)); !slices.Equal(got, sorted(pid, second)) {
		t.Errorf("ps shows %v, not %d and %d", got, pid, second)
	}
	resources := b.write("resources.json", `{"pids":{"limit":50}}`)
	b.berth(shim("update", "--resources="+resources, b.id)...)
	b.wantLimits("maxproc:deny=50")
	b.berth(shim("kill", "--all", b.id, "9")...)
	for _, pid := range []int{pid, second} {
		if status := b.wait(pid); status != 137 {
			t.Errorf("process %d ended with %d", pid, status)
		}
	}
	b.berth(shim("delete", b.id)...)
	b.berth(shim("delete", "--force", b.id)...)
	b.wantNoTraces()
}

// TestRunj runs the command lines of containerd's shim for runj, which looks for runj on PATH.
func TestRunj(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.must(os.Symlink(*program, b.file("runj")))
	b.config.FreeBSD = &specs.FreeBSD{Jail: &specs.FreeBSDJail{Ip4: specs.FreeBSDShareInherit}}
	b.config.Process.Args = []string{"/bin/sleep", "1000"}
	b.bundle()
	runj := func(args ...string) string {
		t.Helper()
		cmd := b.command(args...)
		cmd.Path, cmd.Args[0] = b.file("runj"), "runj"
		out, err := os.Create(b.file("runj.out"))
		b.must(err)
		defer out.Close()
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Run(); err != nil {
			t.Fatalf("runj %v: %v: %s", args, err, b.sh("cat "+out.Name()))
		}
		return b.sh("cat " + out.Name())
	}
	runj("create", b.id, b.file("bundle"))
	var s specs.State
	b.must(json.Unmarshal([]byte(runj("state", b.id)), &s))
	if s.Status != specs.StateCreated || s.Pid == 0 {
		t.Errorf("the state is %+v", s)
	}
	runj("start", b.id)
	process := b.write("process.json", `{"user":{"uid":0,"gid":0},"args":["echo","beside"],"env":["PATH=/bin"],"cwd":"/"}`)
	if out := runj("extension", "exec", b.id, "--process", process); out != "beside\n" {
		t.Errorf("exec wrote %q", out)
	}
	runj("kill", b.id, "KILL", "--all")
	if status := b.wait(s.Pid); status != 137 {
		t.Errorf("the container ended with %d", status)
	}
	// The shim does this again before it deletes.
	runj("kill", b.id, "KILL", "--all")
	runj("delete", b.id)
	b.wantNoTraces()
}

// TestTerminal plays conmon's side of a terminal: it gets the master over its socket.
func TestTerminal(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.podman(true, "sh", "-c", "test -t 0 && test -t 1 && test -t 2 && echo a terminal; read x; echo got $x; exit 4")
	socket := suite.Listen(t)
	b.refused("without setting console socket", "create", b.id)
	b.berth("create", "--bundle", b.file("bundle"), "--pid-file", b.file("pid"), "--console-socket", socket.Path, b.id)
	master, _ := socket.Receive(t)
	b.berth("start", b.id)
	_, err := master.WriteString("line\n")
	b.must(err)
	if status := b.wait(b.pid()); status != 4 {
		t.Errorf("exit status %d", status)
	}
	out := b.output(master)
	if !strings.Contains(out, "a terminal\r\n") || !strings.Contains(out, "got line\r\n") {
		t.Errorf("the terminal says %q", out)
	}
	b.berth("delete", b.id)
	b.wantNoTraces()
}

func TestExecTerminal(t *testing.T) {
	t.Parallel()
	b := sleeper(t)
	socket := suite.Listen(t)
	process := b.write("process.json", `{"terminal":true,"consoleSize":{"height":11,"width":33},"user":{"uid":0,"gid":0},"args":["sh","-c","stty size; tty >/dev/null; echo done"],"env":["PATH=/bin:/usr/bin"],"cwd":"/"}`)
	b.berth("exec", "--pid-file", b.file("pid2"), "--process", process, "--detach", "--tty", "--console-socket", socket.Path, b.id)
	master, _ := socket.Receive(t)
	var pid int
	fmt.Sscan(b.sh("cat "+b.file("pid2")), &pid)
	b.wait(pid)
	if out := b.output(master); !strings.HasPrefix(out, "11 33\r\n") || !strings.Contains(out, "done") {
		t.Errorf("the terminal says %q", out)
	}
	b.end()
}

// TestExecInTerminal runs exec --tty from a terminal. The process gets its own terminal of the same
// size, and the caller sees its output.
func TestExecInTerminal(t *testing.T) {
	t.Parallel()
	b := sleeper(t)
	master, slave, err := kernel.OpenTerminal()
	b.must(err)
	defer master.Close()
	b.must(unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 21, Col: 77}))
	cmd := b.command("exec", "--tty", b.id, "sh", "-c", "stty size; read x; echo got $x; exit 5")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	b.must(cmd.Start())
	slave.Close()
	_, err = master.WriteString("line\n")
	b.must(err)
	out := b.output(master)
	_ = cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status != 5 || !strings.Contains(out, "21 77") || !strings.Contains(out, "got line") {
		t.Errorf("status %d, the terminal says %q", status, out)
	}
	b.end()
}

// output reads the rest of a terminal's output after the other side is closed.
func (b *box) output(master *os.File) string {
	b.Helper()
	var out strings.Builder
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(&out, master)
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(suite.Patience):
		b.Fatal("the terminal does not end")
	}
	return out.String()
}
