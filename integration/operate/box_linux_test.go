//go:build linux && testhost

package operate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/bundle"
)

// box is a container that runs a shell script, with its own state directory.
type box struct {
	*testing.T
	runtime []string
	id      string
	dir     string // contains the bundle and the state directory
	pid     int
}

var serial atomic.Int32

// run starts a container with berth.
func run(t *testing.T, edits ...func(*specs.Spec)) *box {
	t.Helper()
	return start(t, []string{*program, "--backend", *backend}, edits...)
}

// runPeer starts the same container with runc.
func runPeer(t *testing.T, edits ...func(*specs.Spec)) *box {
	t.Helper()
	return start(t, []string{"runc"}, edits...)
}

func start(t *testing.T, runtime []string, edits ...func(*specs.Spec)) *box {
	t.Helper()
	b := prepare(t, runtime, edits...)
	if o := b.call("run", "--detach", "--bundle", b.dir, "--pid-file", b.path("pid"), b.id); o.status != 0 {
		t.Fatalf("run: %+v", o)
	}
	b.pid = b.readPid("pid")
	return b
}

// prepare makes a bundle.
func prepare(t *testing.T, runtime []string, edits ...func(*specs.Spec)) *box {
	t.Helper()
	id := "op" + strconv.Itoa(int(serial.Add(1)))
	b := &box{T: t, id: id, dir: filepath.Join(workDir, id)}
	b.runtime = append(runtime, "--root", filepath.Join(b.dir, "run"))
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", *baseRoot, b.path("rootfs")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := template()
	for _, edit := range edits {
		edit(s)
	}
	b.writeJSON("config.json", s)
	if maps := s.Linux.UIDMappings; len(maps) > 0 {
		own(t, b.path("rootfs"), int(maps[0].HostID))
	}
	t.Cleanup(b.remove)
	return b
}

// template returns the config.json of a container that sleeps and obeys SIGTERM.
func template() *specs.Spec {
	s := bundle.Template()
	s.Root.Readonly = false
	s.Process.Terminal = false
	s.Process.Args = []string{"sh", "-c", "trap exit TERM; while :; do sleep 1000 & wait $!; done"}
	s.Linux.Resources = nil
	return s
}

func own(t *testing.T, dir string, id int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, id, id))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (b *box) path(name string) string { return filepath.Join(b.dir, name) }

func (b *box) writeJSON(name string, v any) string {
	b.Helper()
	data, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(b.path(name), data, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
	return b.path(name)
}

func (b *box) readPid(name string) int {
	b.Helper()
	data, err := os.ReadFile(b.path(name))
	if err != nil {
		b.Fatal(err)
	}
	pid, err := strconv.Atoi(string(data))
	if err != nil {
		b.Fatal(err)
	}
	return pid
}

func (b *box) remove() {
	if o := b.call("delete", "--force", b.id); o.status != 0 {
		b.Errorf("delete: %+v", o)
	}
	if b.pid > 0 {
		reap(b.T, b.pid)
	}
	if err := os.RemoveAll(b.dir); err != nil {
		b.Error(err)
	}
}

// outcome is the result of a command.
type outcome struct {
	stdout, stderr string
	status         int
}

// patience is much longer than any command takes, even on a busy host.
const patience = 60 * time.Second

func (b *box) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	b.Cleanup(cancel)
	words := append(append([]string{}, b.runtime[1:]...), args...)
	return exec.CommandContext(ctx, b.runtime[0], words...)
}

// call runs a command. Its output goes to files because a container may keep them open.
func (b *box) call(args ...string) outcome {
	b.Helper()
	return b.finish(b.command(args...))
}

func (b *box) finish(cmd *exec.Cmd) outcome {
	b.Helper()
	var files [2]*os.File
	for i := range files {
		f, err := os.CreateTemp(workDir, "out")
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		if err := os.Remove(f.Name()); err != nil {
			b.Fatal(err)
		}
		files[i] = f
	}
	cmd.Stdout, cmd.Stderr = files[0], files[1]
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		b.Fatalf("%q: %v", cmd.Args, err)
	}
	var texts [2]string
	for i, f := range files {
		var text bytes.Buffer
		if _, err := f.Seek(0, 0); err != nil {
			b.Fatal(err)
		}
		if _, err := text.ReadFrom(f); err != nil {
			b.Fatal(err)
		}
		texts[i] = text.String()
	}
	return outcome{texts[0], texts[1], cmd.ProcessState.ExitCode()}
}

// exec runs a program in the container. Flags come first in words.
func (b *box) exec(words ...string) outcome {
	b.Helper()
	var flags []string
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		flags, words = append(flags, words[0]), words[1:]
	}
	return b.call(append(append(append([]string{"exec"}, flags...), b.id), words...)...)
}

// expect runs a command that must succeed.
func (b *box) expect(args ...string) string {
	b.Helper()
	o := b.call(args...)
	if o.status != 0 {
		b.Fatalf("%q: %+v", args, o)
	}
	return o.stdout
}

func (b *box) status() string {
	b.Helper()
	var state specs.State
	if err := json.Unmarshal([]byte(b.expect("state", b.id)), &state); err != nil {
		b.Fatal(err)
	}
	return string(state.Status)
}

// reap waits for a child of this process, which was an exec's process or a container's.
func reap(t *testing.T, pid int) unix.WaitStatus {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		var status unix.WaitStatus
		got, err := unix.Wait4(pid, &status, unix.WNOHANG, nil)
		if err != nil && !errors.Is(err, unix.EINTR) {
			t.Errorf("wait for process %d: %v", pid, err)
			return 0
		}
		if got == pid {
			return status
		}
	}
	t.Errorf("process %d has not ended after %v", pid, patience)
	return 0
}
