package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
)

// write writes any text as a container's record.
func write(t *testing.T, s *Store, id, text string) {
	t.Helper()
	if err := os.MkdirAll(s.Dir(id), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir(id), recordName), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestImplausible checks records whose checksum is right, and which say what no record says.
func TestImplausible(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*backends.Container)
		want   string
	}{
		"good":                   {func(*backends.Container) {}, ""},
		"a process":              {func(c *backends.Container) { c.Process = backends.Process{Pid: 2, StartTime: 1} }, ""},
		"no backend":             {func(c *backends.Container) { c.Backend = "" }, "it has no backend"},
		"another's":              {func(c *backends.Container) { c.ID = "other" }, `it is the record of container "other"`},
		"no id":                  {func(c *backends.Container) { c.ID = "" }, "it is the record of container "},
		"a path":                 {func(c *backends.Container) { c.ID = "../a" }, `it is the record of container "../a"`},
		"the host's init":        {func(c *backends.Container) { c.Process = backends.Process{Pid: 1, StartTime: 1} }, "process 1 cannot be a container's process"},
		"all processes":          {func(c *backends.Container) { c.Process.Pid = -1 }, "process -1 cannot be a container's process"},
		"a time and no pid":      {func(c *backends.Container) { c.Process.StartTime = 1 }, "process 0 cannot be a container's process"},
		"a negative runner":      {func(c *backends.Container) { c.Runner.Pid = -1 }, "process -1 cannot be the command that runs the container"},
		"a negative creator":     {func(c *backends.Container) { c.Creator.Pid = -7 }, "process -7 cannot be the command that created the container"},
		"a name that has no end": {func(c *backends.Container) { c.ID = strings.Repeat("x", 1<<16) }, `it is the record of container "xxx`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			container := &backends.Container{ID: "a", Backend: "lxc"}
			c.change(container)
			data, err := record.Marshal(container)
			if err != nil {
				t.Fatal(err)
			}
			write(t, s, "a", string(data))
			got, err := s.Read("a")
			if c.want == "" {
				if err != nil || got.ID != "a" || got.Dir != s.Dir("a") || got.Root != s.Root() {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), filepath.Join(s.Dir("a"), recordName)) ||
				!strings.Contains(err.Error(), "berth delete --force a") || len(err.Error()) > 1000 {
				t.Errorf("%v, want %s", err, c.want)
			}
			if e, err := s.Lock("a", time.Second); e != nil || !errors.Is(err, ErrDamaged) {
				t.Errorf("Lock: %v", err)
			}
			if s.Busy("a") {
				t.Error("a failed Lock keeps the lock")
			}
		})
	}
}

// TestLockDamaged checks that only a container whose record is damaged is locked without it.
func TestLockDamaged(t *testing.T) {
	t.Parallel()
	fine := func(*backends.Container) error { return nil }
	odd := func(*backends.Container) error { return record.Damaged("its data is odd") }
	good, err := record.Marshal(&backends.Container{ID: "a", Backend: "lxc"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		record string
		check  func(*backends.Container) error
		err    error
	}{
		"damaged":                 {"{", fine, nil},
		"damaged for the backend": {string(good), odd, nil},
		"whole by now":            {string(good), fine, ErrBusy},
		"of a newer berth":        {fmt.Sprintf(`{"format":%d,"berth":"berth 9.9"}`, record.Format+1), fine, &record.NewerError{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			write(t, s, "a", c.record)
			e, err := s.LockDamaged("a", time.Second, c.check)
			if newer := new(record.NewerError); c.err == nil && err != nil || c.err != nil && !errors.Is(err, c.err) && !errors.As(err, &newer) {
				t.Fatalf("%v, want %v", err, c.err)
			}
			if s.Busy("a") != (err == nil) {
				t.Errorf("locked: %t, %v", s.Busy("a"), err)
			}
			if err != nil {
				return
			}
			defer e.Close()
			if e.ID != "a" || e.Root != s.Root() || e.Dir != s.Dir("a") || e.Backend != "" || time.Since(e.Created) > time.Hour {
				t.Errorf("%+v", e.Container)
			}
			if err := e.Remove(); err != nil || s.Holds("a") {
				t.Errorf("Remove: %v", err)
			}
		})
	}
	s := open(t)
	if _, err := s.LockDamaged("a", time.Second, fine); !errors.Is(err, ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
	if _, err := s.LockDamaged("../a", time.Second, fine); !errors.Is(err, ErrInvalidID) {
		t.Errorf("no id: %v", err)
	}
	made(t, s, "b")
	if _, err := s.LockDamaged("b", 10*time.Millisecond, odd); !errors.Is(err, ErrBusy) {
		t.Errorf("in use: %v", err)
	}
	if c := s.Damaged("nosuch"); c.ID != "nosuch" || !c.Created.IsZero() {
		t.Errorf("%+v", c)
	}
}

func TestFree(t *testing.T) {
	t.Parallel()
	s := open(t)
	if s.Busy("a") || !s.Free("a", 0) || s.Holds("a") {
		t.Error("what is not there is in use")
	}
	e := made(t, s, "a")
	if !s.Busy("a") || s.Free("a", 10*time.Millisecond) || !s.Holds("a") {
		t.Error("a container that is in use")
	}
	free := make(chan bool)
	go func() { free <- s.Free("a", time.Minute) }()
	e.Close()
	if !<-free || s.Busy("a") {
		t.Error("a container that is no longer in use")
	}
}

// TestHeldBy checks who has the lock. On FreeBSD nobody can tell.
func TestHeldBy(t *testing.T) {
	t.Parallel()
	s := open(t)
	own, err := backends.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if s.HeldBy("a", own) {
		t.Error("what is not there is held")
	}
	e := made(t, s, "a")
	if !s.HeldBy("a", own) {
		t.Error("the lock is not this process's")
	}
	other := exec.Command("/bin/sh", "-c", "read end")
	stdin, err := other.StdinPipe()
	if err == nil {
		err = other.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	p, err := backends.FindProcess(other.Process.Pid)
	if err != nil || s.HeldBy("a", p) && runtime.GOOS == "linux" {
		t.Errorf("the lock is another process's, %v", err)
	}
	stdin.Close()
	_ = other.Wait()
	for _, gone := range []backends.Process{p, {}, {Pid: own.Pid, StartTime: own.StartTime + 1}} {
		if s.HeldBy("a", gone) {
			t.Errorf("%+v holds the lock", gone)
		}
	}
	e.Close()
	if runtime.GOOS == "linux" && s.HeldBy("a", own) {
		t.Error("the lock stays")
	}
}

// TestNewRecord checks the directory of a container whose create has only begun: it has no record
// yet.
func TestNewRecord(t *testing.T) {
	t.Parallel()
	s := open(t)
	e, err := s.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Read("a")
	if err != nil || c.ID != "a" || c.Backend != "" || c.Complete {
		t.Errorf("%+v, %v", c, err)
	}
	info, err := os.Stat(e.Dir)
	if err != nil || info.Mode().Perm() != dirMode {
		t.Errorf("%v, %v", info, err)
	}
	e.Close()
	if e, err = s.Lock("a", time.Second); err != nil {
		t.Fatal(err)
	}
	if err := e.Remove(); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"", "..", "a/b", "@owed"} {
		_, err1 := s.Create(id)
		_, err2 := s.Lock(id, 0)
		_, err3 := s.Read(id)
		for _, err := range []error{err1, err2, err3} {
			if !errors.Is(err, ErrInvalidID) {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
}

// TestNoStateDirectory checks errors of the place itself.
func TestNoStateDirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Store{root: filepath.Join(file, "root")}
	if _, err := s.Create("a"); err == nil || !strings.HasPrefix(err.Error(), "make the state directory: ") {
		t.Errorf("Create: %v", err)
	}
	if ids, err := s.List(); ids != nil || err == nil || !strings.HasPrefix(err.Error(), "list the state directory: ") {
		t.Errorf("List: %q, %v", ids, err)
	}
	if _, err := s.Read("a"); err == nil || errors.Is(err, ErrNotExist) || errors.Is(err, ErrDamaged) {
		t.Errorf("Read: %v", err)
	}
	if _, err := s.Lock("a", 0); err == nil || errors.Is(err, ErrBusy) {
		t.Errorf("Lock: %v", err)
	}
	e := &Entry{&backends.Container{ID: "a", Dir: s.Dir("a"), Data: json.RawMessage("{")}}
	if err := e.Save(); err == nil || !strings.HasPrefix(err.Error(), `save the state of container "a": `) {
		t.Errorf("Save of what is no JSON: %v", err)
	}
	e.Data = nil
	if err := e.Save(); err == nil || !strings.HasPrefix(err.Error(), `save the state of container "a": `) {
		t.Errorf("Save: %v", err)
	}
	if err := e.Remove(); err == nil || !strings.HasPrefix(err.Error(), `remove the state of container "a": `) {
		t.Errorf("Remove: %v", err)
	}
	if _, err := Open(filepath.Join(file, "x")); err == nil {
		t.Error("Open below a file")
	}
}
