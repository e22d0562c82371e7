package pct

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

// ended is a process that has ended: no process has this start time.
var ended = backends.Process{Pid: 2, StartTime: 1}

// TestDestroyEnclosure checks which CT is destroyed for a container, by its record and its signs.
func TestDestroyEnclosure(t *testing.T) {
	t.Parallel()
	const all = markLine + includeOurs + rootOurs
	destroys := []string{"destroy 900001"}
	for name, c := range map[string]struct {
		conf  string // "": the CT does not exist
		used  []string
		data  enclosure.Data
		calls []string
		words string // of the error; "": none
	}{
		"no CT yet":                 {all, []string{"900001"}, enclosure.Data{}, nil, ""},
		"its own":                   {all, []string{"900001"}, enclosure.Data{Name: "900001"}, destroys, ""},
		"notes edited":              {includeOurs + rootOurs, []string{"900001"}, enclosure.Data{Name: "900001"}, destroys, ""},
		"half made":                 {markLine + rootOurs, []string{"900001"}, enclosure.Data{Name: "900001", Making: true}, destroys, ""},
		"a create that was killed":  {"lock: create\n", []string{"900001"}, enclosure.Data{Name: "900001", Making: true}, []string{"unlock 900001", "destroy 900001"}, ""},
		"made, without its include": {markLine + rootOurs, []string{"900001"}, enclosure.Data{Name: "900001"}, nil, ""},
		"gone":                      {"", nil, enclosure.Data{Name: "900001"}, nil, ""},
		"on another node":           {"", []string{"900001"}, enclosure.Data{Name: "900001"}, nil, ""},
		"somebody else's":           {"hostname: x\nrootfs: local:8\n", []string{"900001"}, enclosure.Data{Name: "900001"}, nil, ""},
		"restored from a backup":    {markLine + includeOurs + "rootfs: local:8\n", []string{"900001"}, enclosure.Data{Name: "900001"}, nil, ""},
		"with a volume":             {all + "mp0: local:8,mp=/d\n", []string{"900001"}, enclosure.Data{Name: "900001"}, nil, "CT 900001: the CT has a volume on a storage, which berth never destroys: mp0: local:8"},
		"locked":                    {all + "lock: backup\n", []string{"900001"}, enclosure.Data{Name: "900001"}, nil, "CT is locked (backup)"},
		"protected":                 {all + "protection: 1\n", []string{"900001"}, enclosure.Data{Name: "900001"}, nil, "switch its protection off"},
		"no VMID":                   {all, []string{"900001"}, enclosure.Data{Name: "x;y"}, nil, `state of container "a": VMID "x;y"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{}
			if c.conf != "" {
				files["lxc/900001.conf"] = c.conf
			}
			e, calls := node(t, files, "", c.used...)
			c.data.StubInit, c.data.Monitor = ended, ended
			if c.data.Name != "" {
				c.data.Limits = ownCgroup(c.data.Name)
			}
			err := e.DestroyEnclosure(t.Context(), &backends.Container{ID: "a", Root: "/run/berth", Dir: "/run/berth/a", Rootfs: "/srv/a", Process: ended}, &c.data)
			if (err != nil) != (c.words != "") || err != nil && !strings.Contains(err.Error(), c.words) {
				t.Errorf("error %v, want %q", err, c.words)
			}
			if got := calls(); !slices.Equal(got, c.calls) {
				t.Errorf("calls %q, want %q", got, c.calls)
			}
		})
	}
}

// TestDestroyWithoutCluster checks that a CT does not count as gone if the cluster file system is
// down.
func TestDestroyWithoutCluster(t *testing.T) {
	t.Parallel()
	e := &Enclosure{cluster: Cluster{Dir: filepath.Join(t.TempDir(), "none")}}
	d := &enclosure.Data{Name: "900001", Limits: ownCgroup("900001"), StubInit: ended, Monitor: ended}
	err := e.DestroyEnclosure(t.Context(), &backends.Container{ID: "a", Root: "/run/berth"}, d)
	if err == nil || !strings.Contains(err.Error(), "pve-cluster") {
		t.Errorf("%v", err)
	}
}

// TestMine checks the errors for a CT that must not be destroyed, and that only "it is gone" counts
// as success.
func TestMine(t *testing.T) {
	t.Parallel()
	const all = markLine + includeOurs + rootOurs
	c := &backends.Container{ID: "a", Root: "/run/berth"}
	for conf, want := range map[string]error{
		all:                                nil,
		"":                                 ErrNotFound,
		all + "lock: snapshot\n":           ErrLocked,
		all + "protection: 1\n":            ErrProtected,
		all + "protection: 0\n":            nil,
		all + "unused0: local:vm-1-disk\n": ErrVolume,
		includeOurs + rootOurs:             errAnother,
	} {
		files := map[string]string{}
		if conf != "" {
			files["lxc/900001.conf"] = conf
		}
		e, _ := node(t, files, "")
		ct, err := e.mine(c, 900001, unclaimed)
		if !errors.Is(err, want) || (err == nil) != (want == nil) || err == nil && ct == nil {
			t.Errorf("%q: %v, want %v", conf, err, want)
		}
		if left := gone(err); (left == nil) != (want == nil || want == ErrNotFound) {
			t.Errorf("%q: gone: %v", conf, left)
		}
	}
}

// TestClaims checks what a record says about a CT.
func TestClaims(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data enclosure.Data
		want claim
	}{
		"nothing":           {enclosure.Data{}, unclaimed},
		"another one":       {enclosure.Data{Name: "900002", Making: true}, unclaimed},
		"a prefix":          {enclosure.Data{Name: "90000"}, unclaimed},
		"it":                {enclosure.Data{Name: "900001"}, claimed},
		"it, in the making": {enclosure.Data{Name: "900001", Making: true}, making},
	} {
		if got := claims(&c.data, 900001); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// TestRecorded checks which of a container's records name a CT: its own, one that was set aside, and
// one that cannot be read, which delete must deal with.
func TestRecorded(t *testing.T) {
	t.Parallel()
	record := func(d any) string {
		data, err := json.Marshal(map[string]any{"id": "a", "data": d})
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	owed := filepath.Join(backends.OwedDir, "7")
	for name, c := range map[string]struct {
		records map[string]string // by directory below the root
		want    claim
	}{
		"none":               {nil, unclaimed},
		"its own":            {map[string]string{"a": record(enclosure.Data{Name: "900001"})}, claimed},
		"in the making":      {map[string]string{"a": record(enclosure.Data{Name: "900001", Making: true})}, making},
		"of another CT":      {map[string]string{"a": record(enclosure.Data{Name: "900002"})}, unclaimed},
		"without data":       {map[string]string{"a": `{"id":"a"}`}, unclaimed},
		"set aside":          {map[string]string{"a": record(enclosure.Data{Name: "900002"}), owed: record(enclosure.Data{Name: "900001"})}, claimed},
		"damaged":            {map[string]string{"a": "{"}, claimed},
		"damaged data":       {map[string]string{"a": `{"data":7}`}, claimed},
		"damaged, set aside": {map[string]string{owed: "\x00"}, claimed},
	} {
		root := t.TempDir()
		for dir, text := range c.records {
			dir = filepath.Join(root, dir)
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, backends.RecordFile), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := recorded(&backends.Container{ID: "a", Root: root, Dir: filepath.Join(root, "a")}, 900001); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// TestFixStray checks that doctor's fix destroys a stray CT once more only if it still is one.
func TestFixStray(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(t *testing.T, e *Enclosure, c *backends.Container)
		calls   []string
		refused error
		words   string
	}{
		"still a stray": {func(*testing.T, *Enclosure, *backends.Container) {}, []string{"destroy 900001"}, nil, ""},
		"gone": {func(t *testing.T, e *Enclosure, _ *backends.Container) {
			if err := os.Remove(e.cluster.ConfigFile(900001)); err != nil {
				t.Fatal(err)
			}
		}, nil, nil, ""},
		"a volume by now": {func(t *testing.T, e *Enclosure, _ *backends.Container) {
			if err := e.cluster.add(900001, []string{"mp0: local:8,mp=/d"}); err != nil {
				t.Fatal(err)
			}
		}, nil, ErrVolume, "mp0"},
		"a record by now": {func(t *testing.T, _ *Enclosure, c *backends.Container) {
			if err := os.MkdirAll(c.Dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(c.Dir, backends.RecordFile), []byte(`{"data":{"name":"900001"}}`), 0o600); err != nil {
				t.Fatal(err)
			}
		}, nil, nil, "has a record by now"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			owner := &backends.Container{ID: "a", Root: root, Dir: filepath.Join(root, "a")}
			conf := fmt.Sprintf("#berth-container%%3A %[1]s/a\nlxc.include: %[1]s/a/lxc.conf\nrootfs: /srv/a\n", root)
			e, calls := node(t, map[string]string{"lxc/900001.conf": conf, "storage.cfg": "", ".members": "{}"}, "", "900001")
			var fix *backends.Finding
			for _, f := range e.diagnoseCTs() {
				if f.Fix != nil {
					fix = &f
				}
			}
			if fix == nil {
				t.Fatal("the CT is not found")
			}
			c.change(t, e, owner)
			err := fix.Fix(t.Context())
			if (err != nil) != (c.words != "") || err != nil && !strings.Contains(err.Error(), c.words) || c.refused != nil && !errors.Is(err, c.refused) {
				t.Errorf("error %v, want %q", err, c.words)
			}
			if got := calls(); !slices.Equal(got, c.calls) {
				t.Errorf("calls %q, want %q", got, c.calls)
			}
		})
	}
}

// TestSearch checks that a CT is found by its signs alone, and only in berth's range.
func TestSearch(t *testing.T) {
	t.Parallel()
	const all = markLine + includeOurs + rootOurs
	for name, c := range map[string]struct {
		confs map[string]string
		want  string
	}{
		"none":                       {nil, ""},
		"one":                        {map[string]string{"900004": all}, "900004"},
		"among others":               {map[string]string{"900001": "hostname: x\n", "900004": all, "900005": markLine}, "900004"},
		"only the notes":             {map[string]string{"900004": markLine + rootOurs}, ""},
		"only the include":           {map[string]string{"900004": includeOurs + rootOurs}, ""},
		"restored":                   {map[string]string{"900004": markLine + includeOurs + "rootfs: local:8\n"}, ""},
		"with a volume":              {map[string]string{"900004": all + "mp0: local:8\n"}, ""},
		"nothing but a lock":         {map[string]string{"900004": "lock: create\n"}, ""},
		"the administrator's CT":     {map[string]string{"100": all}, ""},
		"two, of which one is whole": {map[string]string{"900002": markLine, "900007": all}, "900007"},
	} {
		files := map[string]string{}
		used := []string{"900009"} // on another node
		for id, conf := range c.confs {
			files["lxc/"+id+".conf"] = conf
			used = append(used, id)
		}
		e, _ := node(t, files, "", used...)
		d := &enclosure.Data{}
		if err := e.search(&backends.Container{ID: "a", Root: "/run/berth", Rootfs: "/srv/a"}, d); err != nil || d.Name != c.want {
			t.Errorf("%s: CT %q, %v; want %q", name, d.Name, err, c.want)
		}
	}
}

func TestNamed(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"100": true, "900000": true, "999999999": true,
		"": false, "99": false, "1000000000": false, "-100": false, "+100": false, "0100": false, "100 ": false, "1e3": false, "berth-a": false, "٣٠٠": false,
	} {
		if got := (&Enclosure{}).Named(nil, name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

// TestContainerOf checks which container a CT's signs name, and that no text leads out of a state
// directory.
func TestContainerOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		markLine:                                "/run/berth/a",
		"#x\n" + markLine + includeOurs:         "/run/berth/a",
		includeOurs:                             "/run/berth/a",
		"lxc.include: /run/other/b/lxc.conf\n":  "/run/other/b",
		"#berth-container%3A /\n" + includeOurs: "/run/berth/a", // the notes name nothing
		"":                                      "",
		"#berth-container%3A run/berth/a\n":     "",
		"#berth-container%3A /run/../etc/a\n":   "",
		"#berth-container%3A /run//a\n":         "",
		"#berth-container%3A /run/berth/a/\n":   "",
		"#berth-container%3A \n":                "",
		"#xberth-container%3A /run/berth/a\n":   "",
		"lxc.include: /etc/lxc/x.conf\n":        "",
		"lxc.include: /lxc.conf\n":              "",
	} {
		got := ""
		if c := parseCT(text).container(); c != nil {
			got = c.Dir
			if filepath.Join(c.Root, c.ID) != c.Dir {
				t.Errorf("%q: %+v", text, c)
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestAdjust checks when pct set is called, and that a CT that is not the container's is left alone.
func TestAdjust(t *testing.T) {
	t.Parallel()
	limit := func(n int64) *specs.LinuxResources {
		return &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &n}}
	}
	const all = markLine + includeOurs + rootOurs
	for name, c := range map[string]struct {
		conf   string
		data   string
		limit  int64
		script string
		calls  []string
		words  string
	}{
		"another limit":    {all, "900001", 128 << 20, "", []string{"set 900001"}, ""},
		"the same":         {all, "900001", 64 << 20, "", nil, ""},
		"with a volume":    {all + "mp0: local:8\n", "900001", 128 << 20, "", []string{"set 900001"}, ""},
		"not its CT":       {"hostname: x\n", "900001", 128 << 20, "", nil, "CT 900001 is not container \"a\" any more"},
		"gone":             {"", "900001", 128 << 20, "", nil, "CT 900001 is not container \"a\" any more"},
		"refused":          {all, "900001", 128 << 20, "echo 'CT is locked (backup)' >&2; exit 255", []string{"set 900001"}, "CT is locked"},
		"a damaged record": {all, "-", 128 << 20, "", nil, "VMID"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{}
			if c.conf != "" {
				files["lxc/900001.conf"] = c.conf
			}
			e, calls := node(t, files, c.script, "900001")
			owner := &backends.Container{ID: "a", Root: "/run/berth", Rootfs: "/srv/a"}
			err := e.Adjust(t.Context(), owner, &enclosure.Data{Name: c.data, Limits: "/nowhere"}, limit(c.limit), limit(64<<20))
			if (err != nil) != (c.words != "") || err != nil && !strings.Contains(err.Error(), c.words) {
				t.Errorf("error %v, want %q", err, c.words)
			}
			if strings.Contains(c.words, "any more") && !errors.Is(err, os.ErrProcessDone) {
				t.Errorf("%v does not wrap os.ErrProcessDone", err)
			}
			if got := calls(); !slices.Equal(got, c.calls) {
				t.Errorf("calls %q, want %q", got, c.calls)
			}
		})
	}
}
