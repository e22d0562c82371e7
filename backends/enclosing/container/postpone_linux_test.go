package container

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

// plain is a tool that names enclosures after containers, as LXC does.
type plain struct{ enclosure.Tool }

// numbering is a tool that gives each enclosure a number, as Proxmox VE does.
type numbering struct{ enclosure.Tool }

func (numbering) OwnCgroup(d *enclosure.Data) bool { return d.Limits == "/lxc/"+d.Name }

// Only an enclosure that nothing else can be mistaken for is left to a later delete.
func TestPostpone(t *testing.T) {
	t.Parallel()
	self, err := backends.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	ended := backends.Process{Pid: self.Pid, StartTime: self.StartTime + 1}
	for name, c := range map[string]struct {
		tool    enclosure.Tool
		process backends.Process
		data    string
		want    string // the data afterwards, or the error
	}{
		"the tool's cgroup":    {numbering{}, ended, `{"name":"900","cgroup":"/lxc/900/ns","limits":"/lxc/900","limitsID":7,"claimed":true}`, `"limits":"/lxc/900","limitsID":7,"claimed":true,`},
		"config.json's cgroup": {numbering{}, ended, `{"name":"900","cgroup":"/x","limits":"/x","limitsID":7,"claimed":true}`, `"limits":"/x","limitsID":18446744073709551615,"warden"`},
		"a root elsewhere":     {numbering{}, ended, `{"name":"900","limits":"/lxc/900","attachment":{"at":"/srv"}}`, `"limits":"/lxc/900","warden"`},
		"LXC":                  {plain{}, ended, `{}`, "have the name that a new container with this id would have"},
		"it still runs":        {numbering{}, self, `{}`, "still runs"},
		"damaged":              {numbering{}, ended, `{"other":1}`, "damaged"},
	} {
		box := &backends.Container{ID: "a", Process: c.process, Data: []byte(c.data)}
		err := Postpone(c.tool, box)
		got := string(box.Data)
		if err != nil {
			if got != c.data {
				t.Errorf("%s: %v, and the data is %s now", name, err, got)
			}
			got = err.Error()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// recover finds the init process by LXC's configuration, which may be anything by now.
func TestNamedInit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if pid := namedInit(dir); pid != 0 {
		t.Errorf("no configuration: %d", pid)
	}
	for text, want := range map[string]int{
		"lxc.autodev = 0\nlxc.namespace.share.pid = /proc/70/ns/pid\nlxc.tty.max = 0\n": 70,
		"lxc.namespace.share.pid = /proc/70/ns/pid":                                     0, // cut short
		"lxc.namespace.share.pid = /proc/x/ns/pid\n":                                    0, "lxc.namespace.share.pid = /proc/7/../9/ns/pid\n": 0, "lxc.namespace.share.user = /proc/70/ns/user\n": 0, "": 0,
	} {
		if err := os.WriteFile(filepath.Join(dir, "lxc.conf"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if pid := namedInit(dir); pid != want {
			t.Errorf("%q: %d, want %d", text, pid, want)
		}
	}
}
