//go:build linux && integration

package lifecycle

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

// box is a container with its bundle. Each test has its own state directory.
type box struct {
	*testing.T
	id     string
	root   string // the state directory
	bundle string
	out    string // a directory that the container sees as /out
	spec   *specs.Spec
	pid    int
}

// newBox makes a bundle whose process is a shell script. The edits change its config.json.
func newBox(t *testing.T, script string, edits ...func(*specs.Spec)) *box {
	t.Helper()
	dir, err := os.MkdirTemp(suite.Dir(), "box")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b := &box{T: t, id: filepath.Base(dir), root: filepath.Join(dir, "run"), bundle: filepath.Join(dir, "bundle"), out: filepath.Join(dir, "out")}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the test's directory: %v", err)
		}
	})
	b.prepare(script, edits...)
	return b
}

// sibling makes another container in the same state directory.
func (b *box) sibling(name, script string, edits ...func(*specs.Spec)) *box {
	b.Helper()
	dir := filepath.Dir(b.root)
	s := &box{T: b.T, id: b.id + "-" + name, root: b.root, bundle: filepath.Join(dir, "bundle-"+name), out: filepath.Join(dir, "out-"+name)}
	s.prepare(script, edits...)
	return s
}

func (b *box) prepare(script string, edits ...func(*specs.Spec)) {
	b.Helper()
	for _, dir := range []string{b.bundle, b.out} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			b.Fatal(err)
		}
	}
	suite.CopyTree(b.T, *baseRoot, b.rootfs())
	b.spec = template(script, b.out)
	for _, edit := range edits {
		edit(b.spec)
	}
	b.write()
	b.Cleanup(b.discard)
}

func (b *box) rootfs() string { return filepath.Join(b.bundle, "rootfs") }

func (b *box) write() {
	b.Helper()
	suite.WriteJSON(b.T, filepath.Join(b.bundle, "config.json"), b.spec)
}

func (b *box) writeRaw(data []byte) {
	b.Helper()
	if err := os.WriteFile(filepath.Join(b.bundle, "config.json"), data, 0o644); err != nil {
		b.Fatal(err)
	}
}

// discard deletes the container and checks that its record is gone.
func (b *box) discard() {
	if o, err := suite.Run(b.command("delete", "--force", b.id)); err != nil || o.Status != 0 {
		b.Errorf("delete --force %s: %v, status %d: %s", b.id, err, o.Status, o.Stderr)
	}
	if b.pid > 0 {
		suite.WaitFor(b.T, b.pid)
	}
	if _, err := os.Lstat(filepath.Join(b.root, b.id)); err == nil {
		b.Errorf("%s is left behind", filepath.Join(b.root, b.id))
	}
}

// command returns a berth command line with this box's state directory.
func (b *box) command(args ...string) *exec.Cmd {
	global := []string{"--root", b.root}
	if !isPeer() {
		global = append(global, "--backend", *backend)
	}
	return exec.Command(*program, append(global, args...)...)
}

// berth runs a berth command and waits for it to end.
func (b *box) berth(args ...string) suite.Outcome {
	b.Helper()
	return suite.Execute(b.T, b.command(args...))
}

// must runs a berth command that must succeed and write nothing to stderr. It returns stdout.
func (b *box) must(args ...string) string {
	b.Helper()
	o := b.berth(args...)
	if o.Status != 0 || o.Stderr != "" {
		b.Fatalf("%q: status %d, stdout %q, stderr %q", args, o.Status, o.Stdout, o.Stderr)
	}
	return o.Stdout
}

// refused runs a berth command that must fail with status 1 and with words on stderr.
func (b *box) refused(words string, args ...string) {
	b.Helper()
	o := b.berth(args...)
	if o.Status != 1 || !strings.Contains(o.Stderr, words) {
		b.Errorf("%q: status %d, stderr %q; want 1 and %q", args, o.Status, o.Stderr, words)
	}
	if o.Stdout != "" {
		b.Errorf("%q failed and wrote %q to stdout", args, o.Stdout)
	}
	if n := strings.Count(o.Stderr, "\n"); n != 1 && !isPeer() {
		b.Errorf("%q: stderr has %d lines, want 1: %q", args, n, o.Stderr)
	}
}

func (b *box) createArgs(flags ...string) []string {
	args := append([]string{"create", "--bundle", b.bundle, "--pid-file", b.pidFile()}, flags...)
	return append(args, b.id)
}

// create creates the container. Its process writes to the files stdout and stderr in the bundle.
func (b *box) create(flags ...string) {
	b.Helper()
	b.createWith(b.command(b.createArgs(flags...)...))
}

func (b *box) createWith(cmd *exec.Cmd) {
	b.Helper()
	stdout, err1 := os.Create(filepath.Join(b.bundle, "stdout"))
	stderr, err2 := os.Create(filepath.Join(b.bundle, "stderr"))
	if err := errors.Join(err1, err2); err != nil {
		b.Fatal(err)
	}
	defer stdout.Close()
	defer stderr.Close()
	cmd.Stderr = stderr
	if cmd.Stdout == nil {
		cmd.Stdout = stdout
	}
	if o := suite.Execute(b.T, cmd); o.Status != 0 {
		b.Fatalf("%q: status %d: %s", cmd.Args, o.Status, b.said("stderr"))
	}
	b.readPid()
}

// readPid is adopt for a pid file that must be there.
func (b *box) readPid() {
	b.Helper()
	if err := b.adopt(); err != nil {
		b.Fatal(err)
	}
}

// adopt sets b.pid from the pid file and adopts the process.
func (b *box) adopt() (err error) {
	if b.pid, err = suite.ReadPid(b.pidFile()); err == nil {
		suite.Adopt(b.pid)
	}
	return err
}

// pidFile returns the path of the pid file.
func (b *box) pidFile() string { return filepath.Join(filepath.Dir(b.root), b.id+".pid") }

// said returns what the container has written to stdout or stderr.
func (b *box) said(name string) string {
	b.Helper()
	data, err := os.ReadFile(filepath.Join(b.bundle, name))
	if err != nil {
		b.Fatal(err)
	}
	return string(data)
}

func (b *box) start() {
	b.Helper()
	b.must("start", b.id)
}

// wait waits as the parent for the process to end.
func (b *box) wait() syscall.WaitStatus {
	b.Helper()
	status := suite.WaitFor(b.T, b.pid)
	b.pid = 0
	return status
}

// end creates and starts the container and waits for its end. It returns what the process wrote to
// stdout.
func (b *box) end(flags ...string) (stdout string, status syscall.WaitStatus) {
	b.Helper()
	b.create(flags...)
	b.start()
	status = b.wait()
	return b.said("stdout"), status
}

// run calls "berth run" in the foreground.
func (b *box) run(flags ...string) suite.Outcome {
	b.Helper()
	return b.berth(append(append([]string{"run", "--bundle", b.bundle}, flags...), b.id)...)
}

// output runs the container and returns what its script writes to stdout. The script must succeed
// and write nothing to stderr.
func (b *box) output() string {
	b.Helper()
	o := b.run()
	if o.Status != 0 || o.Stderr != "" {
		b.Fatalf("run: status %d, stdout %q, stderr %q", o.Status, o.Stdout, o.Stderr)
	}
	return o.Stdout
}

// state returns what "berth state" prints.
func (b *box) state() (s struct {
	OCIVersion, ID, Status, Bundle, Rootfs, Owner, Backend string
	Pid                                                    int
	Created                                                time.Time
	Annotations                                            map[string]string
}) {
	b.Helper()
	text := b.must("state", b.id)
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		b.Fatalf("state: %v: %s", err, text)
	}
	return s
}

// await waits until the container is in a state.
func (b *box) await(status string) {
	b.Helper()
	suite.Eventually(b.T, "the state is "+status, func() bool { return b.state().Status == status })
}

// awaitFile waits for a complete line in a file in /out and returns the file's content.
func (b *box) awaitFile(name string) (text string) {
	b.Helper()
	come := suite.Becomes(suite.Patience, func() bool {
		data, err := os.ReadFile(filepath.Join(b.out, name))
		text = string(data)
		return err == nil && strings.HasSuffix(text, "\n")
	})
	if !come {
		said, _ := os.ReadFile(filepath.Join(b.bundle, "stderr"))
		b.Fatalf("/out/%s has not come after %v; stderr: %s", name, suite.Patience, said)
	}
	return text
}

// running creates and starts the container of a script that writes to /out/started, such as
// forever.
func (b *box) running() {
	b.Helper()
	b.create()
	b.start()
	b.awaitFile("started")
}

// kill kills the container's process and waits for its end.
func (b *box) kill() {
	b.Helper()
	b.must("kill", b.id, "KILL")
	b.wait()
}

// sharePIDs gives another container the pid namespace of this one, which must exist already.
func (b *box) sharePIDs() func(*specs.Spec) {
	return suite.Share(specs.PIDNamespace, fmt.Sprintf("/proc/%d/ns/pid", b.pid))
}
