package pct

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/lxcsocket"
)

// loggedPct writes a pct that runs a script. calls returns the first two arguments of each call.
func loggedPct(t *testing.T, script string) (path string, calls func() []string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "calls")
	path, _ = fakePct(t, fmt.Sprintf("echo \"$1 $2\" >>%s\n%s", log, script))
	return path, func() []string {
		data, err := os.ReadFile(log)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' })
	}
}

// node is an Enclosure with the VMIDs 900000 to 900009, some of which are in use.
func node(t *testing.T, files map[string]string, script string, used ...string) (*Enclosure, func() []string) {
	t.Helper()
	all := map[string]string{".vmlist": vmlist(used...)}
	for name, text := range files {
		all[name] = text
	}
	path, calls := loggedPct(t, script)
	c := cluster(t, all)
	c.Locks = filepath.Join(c.Dir, "locks")
	return &Enclosure{settings: Settings{Path: path, FirstVMID: 900000, LastVMID: 900009}, cluster: c}, calls
}

// newJob returns a job for the container a with a state directory and a rootfs. saved are the names
// of the enclosure in the records that the job has saved.
func newJob(t *testing.T) (j *enclosure.Job, saved *[]string) {
	t.Helper()
	root, rootfs := t.TempDir(), t.TempDir()
	c := &backends.Container{ID: "a", Root: root, Dir: filepath.Join(root, "a"), Rootfs: rootfs, Bundle: "/b"}
	if err := os.Mkdir(c.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	saved = new([]string)
	s := &specs.Spec{Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.PIDNamespace}}}}
	j = enclosure.NewJob(c, s, nil, func() error {
		*saved = append(*saved, fmt.Sprintf("%s %t", j.Data.Name, j.Data.Making))
		return nil
	})
	return j, saved
}

// TestFree checks that a container always gets the same VMID if it is free, and that every VMID of
// the range is tried once.
func TestFree(t *testing.T) {
	t.Parallel()
	wide := &Enclosure{settings: Settings{FirstVMID: DefaultFirstVMID, LastVMID: DefaultLastVMID}}
	for id, want := range map[string]int{"web": 980128, "db": 910620} { // since the first version
		for got := range wide.free(&backends.Container{ID: id, Root: "/run/berth"}, nil) {
			if got != want {
				t.Errorf("%s gets %d first, not %d", id, got, want)
			}
			break
		}
	}
	for name, c := range map[string]struct {
		first, last int
		used        []int
	}{
		"all free":    {900000, 900009, nil},
		"some in use": {900000, 900009, []int{900000, 900005, 900009, 7}},
		"one":         {100, 100, nil},
		"none":        {100, 101, []int{100, 101}},
	} {
		e := &Enclosure{settings: Settings{FirstVMID: c.first, LastVMID: c.last}}
		used := map[int]bool{}
		for _, id := range c.used {
			used[id] = true
		}
		var want []int
		for id := c.first; id <= c.last; id++ {
			if !used[id] {
				want = append(want, id)
			}
		}
		got := slices.Collect(e.free(&backends.Container{ID: "x", Root: "/run/berth"}, used))
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// TestClaim checks which VMIDs are tried, that each is in the record before pct create claims it,
// and when the search ends.
func TestClaim(t *testing.T) {
	t.Parallel()
	const exists = `echo "CT $2 already exists on node 'pve'" >&2; exit 255`
	all := make([]string, 10)
	for i := range all {
		all[i] = strconv.Itoa(900000 + i)
	}
	for name, c := range map[string]struct {
		used   []string
		script string
		calls  int // of pct create
		want   error
		words  string
	}{
		"the first":             {nil, "", 1, nil, ""},
		"the last that is free": {all[1:], "", 1, nil, ""},
		"taken meanwhile":       {nil, "[ $n -gt 2 ] || { " + exists + "; }", 3, nil, ""},
		"all taken meanwhile":   {nil, exists, 10, nil, "no VMID is free from 900000 to 900009: widen pct.vmid-range"},
		"all in use":            {all, "", 0, nil, "no VMID is free"},
		"refused":               {nil, "echo 'storage: no' >&2; exit 255", 1, ErrStorage, "storage"},
		"an option is refused": {nil, "printf '400 Parameter verification failed.\\nmemory: too large\\n' >&2; exit 255", 1, ErrParameter,
			"linux.resources.memory.limit: pct create"},
		"root.path is refused": {nil, `echo "unable to create CT $2 - symlink encountered at: /x" >&2; exit 255`, 1, ErrRootfs, "root.path: pct create"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, calls := node(t, nil, c.script, c.used...)
			j, saved := newJob(t)
			vmid, err := e.claim(t.Context(), j)
			if failed := c.words != ""; failed != (err != nil) || failed && !strings.Contains(err.Error(), c.words) || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("error %v, want %q", err, c.words)
			}
			var created []string
			for _, call := range calls() {
				if id, ok := strings.CutPrefix(call, "create "); ok {
					created = append(created, id+" true")
				}
			}
			if len(created) != c.calls || !slices.Equal(created, *saved) {
				t.Errorf("pct create of %q after records of %q, want %d calls", created, *saved, c.calls)
			}
			if c.words == "" && (j.Data.Name != strconv.Itoa(vmid) || created[len(created)-1] != j.Data.Name+" true" || j.Data.Cgroup != "/lxc/"+j.Data.Name+"/ns") {
				t.Errorf("CT %d, record %+v", vmid, j.Data)
			}
			if strings.HasPrefix(c.words, "no VMID") && j.Data.Name != "" {
				t.Errorf("the record names CT %q", j.Data.Name)
			}
		})
	}
}

// TestClaimPassesOver checks that a VMID is passed over if somebody listens where LXC's monitor of
// that CT would.
func TestClaimPassesOver(t *testing.T) {
	t.Parallel()
	e, calls := node(t, nil, "")
	e.settings.FirstVMID, e.settings.LastVMID = 999888, 999889
	j, _ := newJob(t)
	var order []int
	for vmid := range e.free(j.Container, nil) {
		order = append(order, vmid)
	}
	l, err := net.Listen("unix", "@"+lxcsocket.Address(strconv.Itoa(order[0])))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if vmid, err := e.claim(t.Context(), j); err != nil || vmid != order[1] {
		t.Errorf("CT %d, %v; want %d", vmid, err, order[1])
	}
	if got, want := calls(), []string{fmt.Sprintf("create %d", order[1])}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestClear checks what happens to CTs that an earlier container of the same name has left.
func TestClear(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		conf    string // ROOT and RUN are replaced
		vmid    string
		script  string
		calls   []string // before pct create
		refused bool
	}{
		"left":             {"#berth-container%3A ROOT/a\nlxc.include: ROOT/a/lxc.conf\nrootfs: /srv/a\n", "900003", "", []string{"destroy 900003"}, false},
		"out of the range": {"#berth-container%3A ROOT/a\nlxc.include: ROOT/a/lxc.conf\nrootfs: /srv/a\n", "100", "", nil, false},
		"of another":       {"#berth-container%3A ROOT/b\nlxc.include: ROOT/b/lxc.conf\nrootfs: /srv/b\n", "900003", "", nil, false},
		"with a volume":    {"#berth-container%3A ROOT/a\nlxc.include: ROOT/a/lxc.conf\nrootfs: /srv/a\nmp0: local:8\n", "900003", "", nil, false},
		"locked":           {"#berth-container%3A ROOT/a\nlxc.include: ROOT/a/lxc.conf\nrootfs: /srv/a\nlock: backup\n", "900003", "", nil, false},
		"running":          {"#berth-container%3A ROOT/a\nlxc.include: ROOT/a/lxc.conf\nrootfs: /srv/a\n", "900003", `case "$*" in destroy*force*) ;; destroy*) echo "unable to destroy CT $2 - container is running" >&2; exit 255;; esac`, []string{"destroy 900003", "destroy 900003"}, false},
		"the node is broken": {"#berth-container%3A ROOT/a\nlxc.include: ROOT/a/lxc.conf\nrootfs: /srv/a\n", "900003",
			"echo 'ipcc_send_rec[1] failed: Connection refused' >&2; exit 111", []string{"destroy 900003"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, _ := newJob(t)
			conf := strings.ReplaceAll(c.conf, "ROOT", j.Root)
			e, calls := node(t, map[string]string{"lxc/" + c.vmid + ".conf": conf}, c.script, c.vmid)
			_, err := e.claim(t.Context(), j)
			if (err != nil) != c.refused || c.refused && (!errors.Is(err, ErrDown) || !strings.Contains(err.Error(), "remove CT 900003, which an earlier container a has left")) {
				t.Errorf("error %v", err)
			}
			got := slices.DeleteFunc(calls(), func(s string) bool { return strings.HasPrefix(s, "create ") })
			if !slices.Equal(got, c.calls) {
				t.Errorf("calls %q, want %q", got, c.calls)
			}
		})
	}
}

// TestClearLeavesRecorded checks that a CT that a record still names is left to that record.
func TestClearLeavesRecorded(t *testing.T) {
	t.Parallel()
	j, _ := newJob(t)
	conf := fmt.Sprintf("#berth-container%%3A %[1]s/a\nlxc.include: %[1]s/a/lxc.conf\nrootfs: /srv/a\n", j.Root)
	e, calls := node(t, map[string]string{"lxc/900003.conf": conf}, "", "900003")
	owed := filepath.Join(j.Root, backends.OwedDir, "1")
	if err := os.MkdirAll(owed, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(owed, backends.RecordFile), []byte(`{"data":{"name":"900003"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.clear(t.Context(), j); err != nil {
		t.Error(err)
	}
	if got := calls(); len(got) > 0 {
		t.Errorf("calls %q", got)
	}
}

// TestPasses checks which errors concern one CT, so that a container can get another one.
func TestPasses(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		ErrLocked: true, ErrProtected: true, ErrBusy: true, ErrVolume: true, ErrRunning: true, errAnother: true,
		ErrDown: false, ErrNoQuorum: false, ErrPermission: false, ErrTimeout: false, ErrNoPct: false, context.Canceled: false,
	} {
		if got := passes(fmt.Errorf("destroy: %w", err)); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}
