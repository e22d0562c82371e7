package delegation

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/crun"
	"github.com/berth-oci/berth/backends/record"
	"github.com/berth-oci/berth/bundle"
	"github.com/berth-oci/berth/runtime"
	"github.com/berth-oci/berth/runtime/state"
)

// fake is another runtime whose containers exist only in a map.
type fake struct {
	name string
	// has holds the state of each container.
	has map[string]specs.ContainerState
	// calls lists what the runtime was asked to do: "carried" as a child process, or "handed over".
	calls []string
	// fail maps a step to its error: prepare, carry, list, report.
	fail map[string]error
	// losing makes Carry lose the container before it fails. hidden makes List leave all out.
	losing, hidden bool
}

// handedOver is the panic of HandOver, which does not return.
type handedOver struct{}

func (f *fake) Name() string { return f.name }

func (f *fake) CheckRecord(c *backends.Container) error {
	if len(c.Data) == 0 {
		return record.Damaged("no data")
	}
	return nil
}

func (f *fake) Prepare(c *backends.Container, _ *specs.Spec, sharing func() string) error {
	if id := sharing(); id != "" {
		return errors.New("it has the cgroup of " + id)
	}
	c.Data = json.RawMessage(`{}`)
	return f.fail["prepare"]
}

func (f *fake) Create(c *backends.Container, _ backends.CreateOptions) error {
	if err := f.Carry(c, crun.Call{Command: "create", Words: []string{c.ID}}); err != nil {
		return err
	}
	var err error
	c.Process, err = backends.FindProcess(os.Getpid())
	return err
}

func (f *fake) Explain(*backends.Container, backends.CreateOptions) (backends.Explanation, error) {
	var x backends.Explanation
	x.Add(f.name, backends.Line{Text: "create"})
	return x, nil
}

func (f *fake) log(how string, call crun.Call) {
	f.calls = append(f.calls, strings.Join(append([]string{how, call.Command}, call.Words...), " "))
}

func (f *fake) Carry(c *backends.Container, call crun.Call) error {
	f.log("carried", call)
	if f.losing {
		delete(f.has, c.ID)
	}
	if err := f.fail["carry"]; err != nil {
		return err
	}
	if call.Command == "delete" {
		delete(f.has, c.ID)
	} else {
		f.has[c.ID] = specs.StateCreated
	}
	return nil
}

func (f *fake) HandOver(_ *backends.Container, call crun.Call) error {
	f.log("handed over", call)
	panic(handedOver{})
}

func (f *fake) Has(c *backends.Container) bool { return f.has[c.ID] != "" }

// errReported is what the other runtime has told the caller itself.
var errReported = &crun.Reported{Program: "/bin/fake", Status: 3}

func (f *fake) Report(c *backends.Container) (*crun.Report, error) {
	if err := f.fail["report"]; err != nil {
		return nil, err
	}
	if f.has[c.ID] == "" {
		return nil, errReported
	}
	return &crun.Report{ID: c.ID, Pid: 7, Status: f.has[c.ID], OCIVersion: "1.0.0"}, nil
}

func (f *fake) List(string) (list []crun.Report, err error) {
	for id, s := range f.has {
		if f.hidden {
			continue
		}
		list = append(list, crun.Report{ID: id, Pid: 7, Status: s, OCIVersion: "1.0.0"})
	}
	return list, f.fail["list"]
}

// box is a state directory, a bundle, and two other runtimes. Most tests are about the first.
type box struct {
	*testing.T
	*Delegation
	own   *runtime.Runtime
	fake  *fake
	other *fake
	dir   string
}

const id = "x"

// words are the caller's words. A test can tell them from those that package crun builds.
var words = crun.Call{Command: "command", Words: []string{"--as", "given", id}}

// newBox makes a box. Tests that use boxes do not run in parallel: between fork and exec a child of
// this process holds all its locks.
func newBox(t *testing.T) *box {
	t.Helper()
	b := &box{T: t, dir: t.TempDir()}
	for _, f := range []**fake{&b.fake, &b.other} {
		*f = &fake{name: "fake", has: map[string]specs.ContainerState{}, fail: map[string]error{}}
	}
	b.other.name = "other"
	store, err := state.Open(filepath.Join(b.dir, "run"))
	if err != nil {
		t.Fatal(err)
	}
	b.Delegation = New(store, words, b.fake, b.other)
	b.own = runtime.New(store, b.Delegation)
	config := `{"ociVersion": "1.2.0", "root": {"path": "rootfs"}, "linux": {"cgroupsPath": "/c"}}`
	err = errors.Join(os.Mkdir(b.dir+"/rootfs", 0o755), os.WriteFile(b.dir+"/config.json", []byte(config), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// record makes a record. The change may be nil.
func (b *box) record(name string, change func(*backends.Container)) {
	b.Helper()
	e, err := b.store.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	e.Backend, e.Complete, e.Data = "fake", true, json.RawMessage(`{}`)
	if change != nil {
		change(e.Container)
	}
	if err := e.Save(); err != nil {
		b.Fatal(err)
	}
}

// recorded reads the container's record, and returns nil if there is none.
func (b *box) recorded() *backends.Container {
	b.Helper()
	c, err := b.store.Read(id)
	if err != nil && !errors.Is(err, state.ErrNotExist) {
		b.Fatal(err)
	}
	return c
}

// found finds the container as the command line does.
func (b *box) found() (*backends.Container, error) {
	c, err := b.own.Find(id)
	if errors.Is(err, state.ErrNotExist) && b.Find(id) != nil {
		return b.Find(id), nil
	}
	if err == nil {
		_, err = b.Delegated(c)
	}
	return c, err
}

// claim plans the container and claims its id, as the command line does.
func (b *box) claim() (*state.Entry, *runtime.Plan, error) {
	choose := func(string, *bundle.Bundle) (string, error) { return "fake", nil }
	p, err := runtime.NewPlan(id, runtime.CreateOptions{Bundle: b.dir, Choose: choose})
	if err != nil {
		return nil, nil, err
	}
	e, err := b.own.Claim(context.Background(), p)
	return e, p, err
}

// run calls f and returns the first runtime's calls. f does not return if it hands over.
func (b *box) run(f func() error) (calls string, err error) {
	defer func() {
		if r := recover(); r != nil && r != (handedOver{}) {
			panic(r)
		}
		calls = strings.Join(b.fake.calls, ", ")
		if len(b.other.calls) > 0 {
			b.Errorf("the second runtime was called: %s", b.other.calls)
		}
	}()
	return "", f()
}

// noted is true if the container is noted as one that runs in the foreground.
func (b *box) noted() bool { return slices.Contains(b.store.ForegroundIDs(), id) }

// ended returns a process that has ended.
func ended(t *testing.T) backends.Process {
	t.Helper()
	cmd := exec.Command("/bin/sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := backends.FindProcess(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return p
}

// self is this process, which lives.
func self(t *testing.T) backends.Process {
	t.Helper()
	p, err := backends.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// hold locks the container's record until the end of the test.
func (b *box) hold() {
	b.Helper()
	e, err := b.store.Lock(id, time.Second)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(e.Close)
}
