//go:build linux && testhost

package operate

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/bundle"
	"github.com/berth-oci/berth/integration/suite"
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
	if o := b.call("run", "--detach", "--bundle", b.dir, "--pid-file", b.path("pid"), b.id); o.Status != 0 {
		t.Fatalf("run: %+v", o)
	}
	b.pid = b.readPid("pid")
	return b
}

// prepare makes a bundle.
func prepare(t *testing.T, runtime []string, edits ...func(*specs.Spec)) *box {
	t.Helper()
	id := "op" + strconv.Itoa(int(serial.Add(1)))
	b := &box{T: t, id: id, dir: filepath.Join(suite.Dir(), id)}
	b.runtime = append(runtime, "--root", filepath.Join(b.dir, "run"))
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	suite.CopyTree(t, *baseRoot, b.path("rootfs"))
	s := template()
	for _, edit := range edits {
		edit(s)
	}
	b.writeJSON("config.json", s)
	if maps := s.Linux.UIDMappings; len(maps) > 0 {
		suite.ChownTree(t, b.path("rootfs"), int(maps[0].HostID))
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

func (b *box) path(name string) string { return filepath.Join(b.dir, name) }

func (b *box) writeJSON(name string, v any) string {
	b.Helper()
	return suite.WriteJSON(b.T, b.path(name), v)
}

func (b *box) readPid(name string) int {
	b.Helper()
	pid, err := suite.ReadPid(b.path(name))
	if err != nil {
		b.Fatal(err)
	}
	return pid
}

func (b *box) remove() {
	if o := b.call("delete", "--force", b.id); o.Status != 0 {
		b.Errorf("delete: %+v", o)
	}
	if b.pid > 0 {
		suite.WaitFor(b.T, b.pid)
	}
	if err := os.RemoveAll(b.dir); err != nil {
		b.Error(err)
	}
}

func (b *box) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), suite.Patience)
	b.Cleanup(cancel)
	words := append(append([]string{}, b.runtime[1:]...), args...)
	return exec.CommandContext(ctx, b.runtime[0], words...)
}

// call runs a command and waits for its end.
func (b *box) call(args ...string) suite.Outcome {
	b.Helper()
	return suite.Execute(b.T, b.command(args...))
}

// exec runs a program in the container. Flags come first in words.
func (b *box) exec(words ...string) suite.Outcome {
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
	if o.Status != 0 {
		b.Fatalf("%q: %+v", args, o)
	}
	return o.Stdout
}

// processes returns what ps lists.
func (b *box) processes() (pids []int) {
	b.Helper()
	if err := json.Unmarshal([]byte(b.expect("ps", "--format=json", b.id)), &pids); err != nil {
		b.Fatal(err)
	}
	return pids
}

func (b *box) status() string {
	b.Helper()
	var state specs.State
	if err := json.Unmarshal([]byte(b.expect("state", b.id)), &state); err != nil {
		b.Fatal(err)
	}
	return string(state.Status)
}

// await waits until the container is in a state.
func (b *box) await(status string) {
	b.Helper()
	suite.Eventually(b.T, "the state is "+status, func() bool { return b.status() == status })
}

// ready waits until the container has made the file /ready.
func (b *box) ready() {
	b.Helper()
	suite.Eventually(b.T, "/ready", func() bool { _, err := os.Stat(b.path("rootfs/ready")); return err == nil })
}
