//go:build linux && testhost

package freebsd

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// podman's config.json on FreeBSD 14, cut short in its environment, with the
// annotations that it has instead of freebsd.jail.
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

// A container's life as podman 5 and conmon 2 have it: their command lines.
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
		"jail -R ID",
		"umount -f BOX/bundle/root/run/.containerenv",
		"umount -f BOX/bundle/root/etc/resolv.conf",
		"umount -f BOX/bundle/root/etc/hosts",
		"umount -f BOX/bundle/root/dev/fd",
		"umount -f BOX/bundle/root/dev",
	)
	b.wantNoTraces()
	// One error is one JSON object in the log: conmon reads it.
	b.refused("", conmon("create", "--bundle", b.file("nothing"), b.id)...)
	var line struct{ Level, Msg string }
	b.must(json.Unmarshal([]byte(b.sh("cat "+b.file("oci-log"))), &line))
	if line.Level != "error" || line.Msg == "" {
		t.Errorf("the log has %+v", line)
	}
}

// conmon's side of a terminal: it gets the master over its socket.
func TestTerminal(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.podman(true, "sh", "-c", "test -t 0 && test -t 1 && test -t 2 && echo a terminal; read x; echo got $x; exit 4")
	socket := b.file("console")
	listen, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	b.must(err)
	defer unix.Close(listen)
	b.must(unix.Bind(listen, &unix.SockaddrUnix{Name: socket}))
	b.must(unix.Listen(listen, 2))
	b.refused("without setting console socket", "create", b.id)
	b.berth("create", "--bundle", b.file("bundle"), "--pid-file", b.file("pid"), "--console-socket", socket, b.id)
	master := b.receive(listen)
	defer master.Close()
	b.berth("start", b.id)
	_, err = master.WriteString("line\n")
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
	socket := b.file("console")
	listen, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	b.must(err)
	defer unix.Close(listen)
	b.must(unix.Bind(listen, &unix.SockaddrUnix{Name: socket}))
	b.must(unix.Listen(listen, 2))
	process := b.write("process.json", `{"terminal":true,"consoleSize":{"height":11,"width":33},"user":{"uid":0,"gid":0},"args":["sh","-c","stty size; tty >/dev/null; echo done"],"env":["PATH=/bin:/usr/bin"],"cwd":"/"}`)
	b.berth("exec", "--pid-file", b.file("pid2"), "--process", process, "--detach", "--tty", "--console-socket", socket, b.id)
	master := b.receive(listen)
	defer master.Close()
	var pid int
	fmt.Sscan(b.sh("cat "+b.file("pid2")), &pid)
	b.wait(pid)
	if out := b.output(master); !strings.HasPrefix(out, "11 33\r\n") || !strings.Contains(out, "done") {
		t.Errorf("the terminal says %q", out)
	}
	b.end()
}

// receive takes a terminal's master from a socket.
func (b *box) receive(listen int) *os.File {
	b.Helper()
	fds := []unix.PollFd{{Fd: int32(listen), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, 30000); n != 1 {
		b.Fatalf("nobody has sent a terminal: %v", err)
	}
	conn, _, err := unix.Accept(listen)
	b.must(err)
	defer unix.Close(conn)
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(conn, make([]byte, 4096), oob, unix.MSG_CMSG_CLOEXEC)
	b.must(err)
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	b.must(err)
	passed, err := unix.ParseUnixRights(&messages[0])
	b.must(err)
	return os.NewFile(uintptr(passed[0]), "terminal")
}

// output reads what is left in a terminal whose other side has been closed.
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
	case <-time.After(30 * time.Second):
		b.Fatal("the terminal does not end")
	}
	return out.String()
}
