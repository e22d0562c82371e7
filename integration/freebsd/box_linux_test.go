//go:build linux && testhost

package freebsd

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/executable"
	"github.com/berth-oci/berth/integration/freebsd/host"
	"github.com/berth-oci/berth/integration/suite"
)

// box is a separate FreeBSD host for one test, with a bundle.
type box struct {
	*testing.T
	dir    string
	id     string
	config *specs.Spec
	// extra is added to berth's usual environment.
	extra []string
}

var boxes atomic.Int64

func newBox(t *testing.T) *box {
	t.Helper()
	n := boxes.Add(1)
	b := &box{T: t, dir: filepath.Join(suite.Dir(), fmt.Sprint(n)), id: fmt.Sprintf("box-%d", n)}
	for _, dir := range []string{"tools", "host", "bundle/root", "state"} {
		b.must(os.MkdirAll(filepath.Join(b.dir, dir), 0o755))
	}
	for _, tool := range []string{"jail", "jls", "mount", "umount", "devfs", "ifconfig", "rctl", "ps"} {
		b.must(os.Symlink(*standin, filepath.Join(b.dir, "tools", tool)))
	}
	b.sh("cp -a " + *baseRoot + "/. " + b.root())
	// A mount point for each of the usual mounts.
	b.sh("mkdir -p " + b.root("dev") + " " + b.root("tmp") + " " + b.root("etc"))
	b.config = &specs.Spec{
		Version: "1.3.0",
		Process: &specs.Process{Args: []string{"/bin/sh", "-c", "exit 7"}, Cwd: "/", Env: []string{"PATH=/bin:/usr/bin:/sbin"}},
		Root:    &specs.Root{Path: "root"},
	}
	t.Cleanup(b.clean)
	return b
}

// clean removes the container of a failed test, so that it does not disturb other tests.
func (b *box) clean() {
	if b.Failed() {
		_ = b.command("delete", "--force", b.id).Run()
	}
}

func (b *box) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *box) sh(script string) string {
	b.Helper()
	out, err := exec.Command("/bin/sh", "-ec", script).CombinedOutput()
	if err != nil {
		b.Fatalf("%s: %v: %s", script, err, out)
	}
	return string(out)
}

// root returns a path in the container's root.
func (b *box) root(names ...string) string {
	return filepath.Join(append([]string{b.dir, "bundle/root"}, names...)...)
}

func (b *box) file(name string) string { return filepath.Join(b.dir, name) }

func (b *box) write(name, text string) string {
	b.Helper()
	b.must(os.MkdirAll(filepath.Dir(b.file(name)), 0o755))
	b.must(executable.Write(b.file(name), []byte(text)))
	return b.file(name)
}

// bundle writes config.json.
func (b *box) bundle() {
	b.Helper()
	suite.WriteJSON(b.T, b.file("bundle/config.json"), b.config)
}

func (b *box) command(args ...string) *exec.Cmd {
	cmd := exec.Command(*program, append([]string{"--root", b.file("state"), "--backend", "jail"}, args...)...)
	cmd.Dir = b.file("bundle")
	cmd.Env = append([]string{"PATH=/nonexistent", "BERTH_JAIL_TOOLS=" + b.file("tools"), host.Dir + "=" + b.file("host")}, b.extra...)
	return cmd
}

// berth runs a command that must succeed, and returns its output.
func (b *box) berth(args ...string) string {
	b.Helper()
	out, err := b.try(args...)
	if err != nil {
		b.Fatal(err)
	}
	return out
}

// try runs a command and returns all that it writes.
func (b *box) try(args ...string) (string, error) {
	b.Helper()
	o := suite.Execute(b.T, b.command(args...))
	said := o.Stdout + o.Stderr
	if o.Status != 0 {
		// The log escapes quotes.
		said = strings.ReplaceAll(said, `\"`, `"`)
		return said, fmt.Errorf("berth %s: exit status %d: %s", strings.Join(args, " "), o.Status, said)
	}
	return said, nil
}

// refused runs a command that must fail with an error that contains words.
func (b *box) refused(words string, args ...string) {
	b.Helper()
	_, err := b.try(args...)
	if err == nil {
		b.Fatalf("berth %s has succeeded, an error with %q was due", strings.Join(args, " "), words)
	}
	if !strings.Contains(err.Error(), words) {
		b.Errorf("%v: %q is not in it", err, words)
	}
}

func (b *box) create() int {
	b.Helper()
	b.bundle()
	b.berth("create", "--pid-file", b.file("pid"), b.id)
	return b.pid()
}

func (b *box) pid() int {
	b.Helper()
	pid, err := suite.ReadPid(b.file("pid"))
	b.must(err)
	return pid
}

func (b *box) state() specs.State {
	b.Helper()
	var s specs.State
	b.must(json.Unmarshal([]byte(b.berth("state", b.id)), &s))
	return s
}

func (b *box) wantStatus(want specs.ContainerState) {
	b.Helper()
	if got := b.state().Status; got != want {
		b.Errorf("the container is %s, not %s", got, want)
	}
}

// wait waits for a container's process, which became our child when its parent ended. It returns
// its exit status, or 128 plus the number of the signal that ended it.
func (b *box) wait(pid int) int {
	b.Helper()
	status := suite.WaitFor(b.T, pid)
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// run runs a container and returns its exit status and output.
func (b *box) run() (int, string) {
	b.Helper()
	b.bundle()
	o := suite.Execute(b.T, b.command("run", b.id))
	return o.Status, o.Stdout + o.Stderr
}

// host inspects or changes the host.
func (b *box) host(f func(h *host.Host)) {
	b.Helper()
	b.must(host.Update(b.file("host"), func(h *host.Host) error { f(h); return nil }))
}

// calls returns the tools' command lines so far, without those that only query.
func (b *box) calls() []string {
	b.Helper()
	var list []string
	b.host(func(h *host.Host) {
		for _, c := range h.Calls {
			if line := strings.Join(c, " "); c[0] != "jls" && c[0] != "ps" {
				list = append(list, strings.NewReplacer(b.dir, "BOX", b.id, "ID").Replace(line))
			}
		}
	})
	return list
}

func (b *box) wantCalls(want ...string) {
	b.Helper()
	if got := b.calls(); !slices.Equal(got, want) {
		b.Errorf("the tools were called so:\n\t%s\nnot so:\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// traces lists what is left of containers on the host.
func (b *box) traces() []string {
	b.Helper()
	var left []string
	b.host(func(h *host.Host) {
		for name, j := range h.Jails {
			if j.Params["path"] != "" {
				left = append(left, "jail "+name)
			}
			if j.ChildrenMax != 0 {
				left = append(left, fmt.Sprintf("children.max=%d of jail %s", j.ChildrenMax, name))
			}
		}
		for name, i := range h.Interfaces {
			if i.Jail != "" || len(i.Addresses) > 0 {
				left = append(left, fmt.Sprintf("interface %s: %+v", name, *i))
			}
		}
		for _, l := range h.Limits {
			left = append(left, "limit "+l)
		}
		for _, m := range h.Mounts {
			left = append(left, "mount "+m.Target)
		}
	})
	for _, m := range suite.MountsBelow(b.T, os.Getpid(), b.dir) {
		left = append(left, "mounted "+m)
	}
	for _, pattern := range []string{"state/" + b.id, "state/@roots/*", "bundle/root/.berth-*", "bundle/root/*/.berth-*"} {
		found, _ := filepath.Glob(b.file(pattern))
		left = append(left, found...)
	}
	return left
}

func (b *box) wantNoTraces() {
	b.Helper()
	if left := b.traces(); len(left) > 0 {
		b.Errorf("left behind:\n\t%s", strings.Join(left, "\n\t"))
	}
}
