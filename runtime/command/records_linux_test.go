package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/crun"
	"github.com/berth-oci/berth/backends/jail"
	"github.com/berth-oci/berth/backends/lxc"
	"github.com/berth-oci/berth/backends/pct"
	"github.com/berth-oci/berth/backends/record"
	"github.com/berth-oci/berth/runtime"
	"github.com/berth-oci/berth/runtime/delegation"
	"github.com/berth-oci/berth/runtime/state"
)

// harmless is a backend that checks its records and otherwise does nothing.
type harmless struct {
	backends.Backend
	did
}

// did is what a backend was asked to do.
type did struct {
	deleted   []*backends.Container
	recovered int
}

func (h *harmless) CheckRecord(c *backends.Container) error {
	known := *c
	known.Root = lxc.DefaultRoot // where the records were written
	return h.Backend.(backends.RecordChecker).CheckRecord(&known)
}

func (h *harmless) Status(*backends.Container) (specs.ContainerState, error) {
	return specs.StateStopped, nil
}

func (h *harmless) Kill(context.Context, *backends.Container, os.Signal, bool) error { return nil }

func (h *harmless) Delete(_ context.Context, c *backends.Container, _ bool) error {
	h.deleted = append(h.deleted, c)
	return nil
}

func (h *harmless) Recover(context.Context, *backends.Container) ([]string, error) {
	h.recovered++
	return nil, nil
}

// harmlessDelegate is another runtime that has every container, and does nothing.
type harmlessDelegate struct {
	*crun.Backend
	did
}

func (h *harmlessDelegate) Has(*backends.Container) bool { return len(h.deleted)+h.recovered == 0 }

func (h *harmlessDelegate) Report(*backends.Container) (*crun.Report, error) {
	return &crun.Report{Status: specs.StateStopped}, nil
}

func (h *harmlessDelegate) List(string) ([]crun.Report, error) { return nil, nil }

func (h *harmlessDelegate) HandOver(c *backends.Container, call crun.Call) error {
	if call.Command == "delete" {
		h.deleted = append(h.deleted, c)
	}
	return nil
}

func (h *harmlessDelegate) Carry(*backends.Container, crun.Call) error {
	h.recovered++
	return nil
}

// records is a state directory with one record.
type records struct {
	*containers
	all []*did
}

const recordID = "r"

func init() { logrus.SetOutput(io.Discard) } // recover logs each record

func newRecords(t testing.TB, data []byte) *records {
	t.Helper()
	r := &records{}
	var makers []runtime.Maker
	for _, b := range []backends.Backend{lxc.New(), pct.New(pct.Settings{}), jail.New()} {
		h := &harmless{Backend: b}
		r.all = append(r.all, &h.did)
		makers = append(makers, runtime.Maker{Name: b.Name(), Make: func() (backends.Backend, error) { return h, nil }})
	}
	var to []delegation.Delegate
	for _, name := range delegateNames {
		h := &harmlessDelegate{Backend: crun.New(name, crun.Settings{Runtime: func() string { return "" }})}
		r.all = append(r.all, &h.did)
		to = append(to, h)
	}
	root := t.TempDir()
	store, err := state.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	other := delegation.New(store, crun.Call{}, to...)
	r.containers = &containers{runtime.New(store, other, makers...), other}
	if err := os.Mkdir(filepath.Join(root, recordID), 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, recordID, "state.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *records) state() (info *runtime.Info, err error) {
	err = r.on(func(who operations, c *backends.Container) error {
		info, err = who.State(c)
		return err
	})
	return info, err
}

// on calls a method on the container.
func (r *records) on(method func(operations, *backends.Container) error) error {
	who, c, err := r.find(recordID)
	if err != nil {
		return err
	}
	return method(who, c)
}

func (r *records) kill(all bool) error {
	return r.on(func(who operations, c *backends.Container) error {
		return who.Kill(context.Background(), c, syscall.SIGKILL, all)
	})
}

// holds is true if there is anything of the record.
func (r *records) holds() bool {
	_, err := os.Lstat(filepath.Join(r.own.Root(), recordID))
	return err == nil
}

// deleted returns the containers that backends were asked to delete, and how often Recover was
// called.
func (r *records) deleted() (list []*backends.Container, recovered int) {
	for _, h := range r.all {
		list = append(list, h.deleted...)
		recovered += h.recovered
	}
	return list, recovered
}

// formats returns records of every format so far, by format and backend.
func formats(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/records/*/*.json")
	if err != nil || len(files) < 6*(record.Format+1) {
		t.Fatalf("%d records of %d formats, %v", len(files), record.Format+1, err)
	}
	list := map[string][]byte{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		list[strings.TrimPrefix(file, "testdata/records/")] = bytes.TrimSuffix(data, []byte("\n"))
	}
	return list
}

// TestFormats checks that berth reads the records that earlier versions wrote.
func TestFormats(t *testing.T) {
	t.Parallel()
	for name, data := range formats(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRecords(t, data)
			want := strings.TrimSuffix(filepath.Base(name), ".json")
			want, _, _ = strings.Cut(want, "-")
			info, err := r.state()
			if err != nil || info.Backend != want || info.OCIVersion != "1.3.0" || info.Bundle != "/var/tmp/b" || !info.Complete || len(info.Data) == 0 || info.Created.Year() != 2026 {
				t.Fatalf("%+v, %v", info, err)
			}
			if strings.HasSuffix(name, "lxc-created.json") &&
				(len(info.Hooks.Poststop) != 1 || info.Hooks.Poststop[0].Env == nil || info.Process.Pid != 94 || info.Annotations["org.example.key"] != "a value" || info.CgroupsPath != "/pod/r") {
				t.Errorf("%+v", info.Container)
			}
			if strings.HasSuffix(name, "pct-owed.json") &&
				(info.Owed == nil || info.Owed.Why == "" || info.Owed.Since.Minute() != 45 || info.Creator.Pid != 140 || !strings.Contains(string(info.Data), `"making":true`)) {
				t.Errorf("%+v", info.Container)
			}
			if err := r.delete(t.Context(), recordID, true); err != nil {
				t.Error(err)
			}
			if list, recovered := r.deleted(); len(list) != 1 || recovered != 0 {
				t.Errorf("%d were deleted, %d salvaged", len(list), recovered)
			}
		})
	}
}

// TestNewerFormat checks that every command refuses a record of a newer berth, and that the record
// stays.
func TestNewerFormat(t *testing.T) {
	t.Parallel()
	data := fmt.Sprintf(`{"format":%d,"berth":"berth 12.3 (abc)","container":{"id":"r"}}`, record.Format+1)
	r := newRecords(t, []byte(data))
	ctx := t.Context()
	for name, f := range map[string]func() error{
		"state": func() error { _, err := r.state(); return err },
		"kill":  func() error { return r.kill(true) },
		"start": func() error {
			return r.on(func(who operations, c *backends.Container) error { return who.Start(ctx, c) })
		},
		"delete":         func() error { return r.delete(ctx, recordID, false) },
		"delete --force": func() error { return r.delete(ctx, recordID, true) },
	} {
		err := f()
		var newer *record.NewerError
		if !errors.As(err, &newer) || errors.Is(err, state.ErrDamaged) || !strings.Contains(err.Error(), "berth 12.3 (abc)") ||
			!strings.Contains(err.Error(), "use the version of berth that wrote it") || !strings.Contains(err.Error(), "/r/state.json") {
			t.Errorf("%s: %v", name, err)
		}
	}
	list, err := r.List()
	if err != nil || len(list) != 1 || list[0].ID != recordID || list[0].Status != runtime.StateNewer {
		t.Errorf("list: %+v, %v", list, err)
	}
	if now, err := os.ReadFile(filepath.Join(r.own.Root(), recordID, "state.json")); err != nil || string(now) != data {
		t.Errorf("the record has become %q, %v", now, err)
	}
}

// edits are values that do not fit a field. "gone" removes the field.
var edits = map[string]any{
	"gone": nil, "null": nil, "text": "x", "empty": "", "negative": -1, "zero": 0, "one": 1, "object": map[string]any{},
}

// fields returns the paths of all fields of an object and of the objects in it.
func fields(o map[string]any, path ...string) (list [][]string) {
	for _, key := range slices.Sorted(maps.Keys(o)) {
		at := append(slices.Clone(path), key)
		list = append(list, at)
		if below, ok := o[key].(map[string]any); ok {
			list = append(list, fields(below, at...)...)
		}
	}
	return list
}

// edited returns a record with another value at path.
func edited(t *testing.T, data []byte, path []string, name string) []byte {
	t.Helper()
	var whole map[string]any
	if err := json.Unmarshal(data, &whole); err != nil {
		t.Fatal(err)
	}
	at := whole
	for _, key := range path[:len(path)-1] {
		at = at[key].(map[string]any)
	}
	at[path[len(path)-1]] = edits[name]
	if name == "gone" {
		delete(at, path[len(path)-1])
	}
	out, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestEdits gives every field of a record every one of the edits. No command may panic, delete
// --force must leave nothing, and a record with a checksum must not be believed.
func TestEdits(t *testing.T) {
	t.Parallel()
	for name, data := range formats(t) {
		var whole map[string]any
		if err := json.Unmarshal(data, &whole); err != nil {
			t.Fatal(err)
		}
		for _, path := range fields(whole) {
			for edit := range edits {
				if !strings.HasPrefix(name, "format-0/") && edit != "gone" && edit != "text" && edit != "one" {
					continue // the checksum does not match, whatever the value is
				}
				t.Run(name+" "+strings.Join(path, ".")+" "+edit, func(t *testing.T) {
					t.Parallel()
					data := edited(t, data, path, edit)
					if bytes.Contains(data, []byte(`"hooks"`)) && path[0] == "hooks" && bytes.HasPrefix([]byte(name), []byte("format-0")) {
						data = bytes.ReplaceAll(data, []byte("/bin/true"), []byte("/nonexistent"))
					}
					r := newRecords(t, data)
					_, stateErr := r.state()
					list, err := r.List()
					if err != nil || len(list) != 1 || (list[0].Status == runtime.StateDamaged) != (stateErr != nil) {
						t.Errorf("list: %+v, %v; state: %v", list, err, stateErr)
					}
					_ = r.kill(false)
					err = r.delete(t.Context(), recordID, true)
					if err != nil || r.holds() {
						t.Errorf("delete --force: %v", err)
					}
					deleted, recovered := r.deleted()
					if stateErr != nil && (!errors.Is(stateErr, state.ErrDamaged) || len(deleted) > 0 || recovered == 0) {
						t.Errorf("%v: %d were deleted, %d salvaged", stateErr, len(deleted), recovered)
					}
					if stateErr == nil && !strings.HasPrefix(name, "format-0/") {
						t.Errorf("it was believed: %s", data)
					}
					for _, c := range deleted {
						if c.Process.Pid == 1 || c.Process.Pid < 0 || c.ID != recordID {
							t.Errorf("the backend was to delete %+v", c)
						}
					}
				})
			}
		}
	}
}

// TestHostileRecords checks that berth does not obey a valid record that names things of others.
func TestHostileRecords(t *testing.T) {
	t.Parallel()
	self, err := backends.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	first, err := backends.FindProcess(1)
	if err != nil {
		t.Fatal(err)
	}
	all := formats(t)
	process := func(p backends.Process) map[string]any {
		return map[string]any{"pid": p.Pid, "startTime": p.StartTime}
	}
	for name, c := range map[string]struct {
		backend string
		path    []string
		value   any
	}{
		"the host's first process":    {"lxc", []string{"process"}, process(first)},
		"as the jail's process":       {"jail", []string{"process"}, process(first)},
		"as the stub init":            {"lxc", []string{"data", "warden"}, process(first)},
		"as the monitor":              {"pct", []string{"data", "monitor"}, process(first)},
		"all processes (kill(2))":     {"lxc", []string{"process", "pid"}, -1},
		"a process of the host's":     {"lxc", []string{"process"}, process(self)},
		"of the host's, pct":          {"pct", []string{"process"}, process(self)},
		"another id":                  {"lxc", []string{"id"}, "s"},
		"another's name":              {"lxc", []string{"data", "name"}, "berth-other"},
		"a name with slashes":         {"lxc", []string{"data", "name"}, "../../system.slice"},
		"no VMID":                     {"pct", []string{"data", "name"}, "../100"},
		"a VMID with zeros before":    {"pct", []string{"data", "name"}, "00900000"},
		"a VMID out of bounds":        {"pct", []string{"data", "name"}, "99"},
		"the root cgroup":             {"lxc", []string{"data", "limits"}, "/"},
		"a cgroup by dots":            {"lxc", []string{"data", "limits"}, "/berth/r/../../system.slice"},
		"a relative cgroup":           {"lxc", []string{"data", "cgroup"}, "berth/r"},
		"a cgroup outside":            {"lxc", []string{"data", "cgroup"}, "/berth/s"},
		"berth's parent":              {"lxc", []string{"data", "limits"}, "/berth"},
		"a file as resctrl's":         {"lxc", []string{"data", "resctrl"}, map[string]any{"class": "/etc/passwd", "own": true}},
		"the host's root to unmount":  {"lxc", []string{"data", "attachment"}, map[string]any{"at": "/", "over": 1}},
		"a jail's root":               {"jail", []string{"data", "root"}, "/"},
		"a mount outside":             {"jail", []string{"data", "mounts"}, []any{map[string]any{"target": "/home"}}},
		"a mount by dots":             {"jail", []string{"data", "mounts"}, []any{map[string]any{"target": "/var/tmp/b/root/../../../../home"}}},
		"a view that is none":         {"jail", []string{"data", "view"}, "/home"},
		"another's jail":              {"jail", []string{"data", "jail"}, "other"},
		"a jail below another":        {"jail", []string{"data", "jail"}, "-f x.r"},
		"a jail not above":            {"jail", []string{"data", "raised"}, []any{"other"}},
		"a file outside":              {"jail", []string{"data", "files"}, []any{map[string]any{"name": "../../../etc/passwd"}}},
		"a file by its directory":     {"jail", []string{"data", "files"}, []any{map[string]any{"name": "passwd", "dir": []any{"..", "etc"}}}},
		"an interface that is a flag": {"jail", []string{"data", "interfaces"}, []any{"-a"}},
		"no program":                  {"crun", []string{"data", "runtime"}, "sh"},
		"nothing of a program":        {"runc", []string{"data"}, nil},
		"another backend":             {"lxc", []string{"backend"}, "docker"},
		"another's data":              {"lxc", []string{"backend"}, "crun"},
		"another's data, jail":        {"lxc", []string{"backend"}, "jail"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var whole map[string]any
			d := json.NewDecoder(bytes.NewReader(all["format-0/"+c.backend+".json"]))
			d.UseNumber()
			if err := d.Decode(&whole); err != nil {
				t.Fatal(err)
			}
			at := whole
			for _, key := range c.path[:len(c.path)-1] {
				at = at[key].(map[string]any)
			}
			at[c.path[len(c.path)-1]] = c.value
			data, err := record.Marshal(whole) // with a checksum that matches
			if err != nil {
				t.Fatal(err)
			}
			r := newRecords(t, data)
			_, stateErr := r.state()
			if !errors.Is(stateErr, state.ErrDamaged) {
				t.Errorf("state: %v", stateErr)
			}
			if err := r.delete(t.Context(), recordID, true); err != nil || r.holds() {
				t.Errorf("delete --force: %v", err)
			}
			if list, recovered := r.deleted(); len(list) > 0 || recovered == 0 {
				t.Errorf("%d were deleted, %d salvaged", len(list), recovered)
			}
		})
	}
}
