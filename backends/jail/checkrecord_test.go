package jail

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
)

// TestCheckRecord checks records that Create writes, and such that somebody else has written, who
// wants Delete to remove something of the host's.
func TestCheckRecord(t *testing.T) {
	t.Parallel()
	const root = `"jail":"box","root":"/b/rootfs"`
	const view = `"jail":"box","root":"/b/rootfs","view":"/run/berth/@roots/box"`
	for data, want := range map[string]string{
		``:               "",
		`{}`:             "",
		`{` + root + `}`: "",
		`{"jail":"pod.a.box","jid":3,"making":true,"root":"/b/rootfs","raised":["pod","pod.a"],"limited":true}`:  "",
		`{` + root + `,"mounts":[{"target":"/b/rootfs/dev","before":1}],"mounter":true,"below":["/b/rootfs/x"]}`: "",
		`{` + view + `,"mounts":[{"target":"/run/berth/@roots/box"},{"target":"/run/berth/@roots/box/dev"}]}`:    "",
		`{` + root + `,"files":[{"dir":["etc"],"name":"hosts","saved":"hosts.1"},{"name":"x"}]}`:                 "",
		`{` + root + `,"aliases":[{"interface":"lo1","address":"10.0.0.1"}],"interfaces":["epair0b"]}`:           "",
		// What is no record.
		`{` + root + `,"more":1}`: `unknown field "more"`,
		`[]`:                      "cannot unmarshal",
		// Another jail.
		`{"jail":"other","root":"/b/rootfs"}`:                            "data:",
		`{"jail":"box.other","root":"/b/rootfs"}`:                        "data:",
		`{"jail":".box","root":"/b/rootfs"}`:                             "data:",
		`{"jail":"-r.box","root":"/b/rootfs"}`:                           "data:",
		`{"jail":"a:b.box","root":"/b/rootfs"}`:                          "data:",
		`{"jail":"a b.box","root":"/b/rootfs"}`:                          "data:",
		`{"jail":"a..box","root":"/b/rootfs"}`:                           "data:",
		`{"jail":"*.box","root":"/b/rootfs"}`:                            "data:",
		`{"jail":"box","jid":-1,"root":"/b/rootfs"}`:                     "data:",
		`{` + root + `,"raised":["pod"]}`:                                "data.raised:",
		`{"jail":"pod.box","root":"/b/rootfs","raised":["pod.box"]}`:     "data.raised:",
		`{"jail":"pod.box","root":"/b/rootfs","raised":["pod","other"]}`: "data.raised:",
		// Other places.
		`{"jail":"box"}`:                    "data.root:",
		`{"jail":"box","root":"/"}`:         "data.root:",
		`{"jail":"box","root":"b"}`:         "data.root:",
		`{"jail":"box","root":"/b/../etc"}`: "data.root:",
		`{"jail":"box","root":"/b/rootfs","view":"/run/berth/@roots/other"}`:    "data.view:",
		`{"jail":"box","root":"/b/rootfs","view":"/usr/box"}`:                   "data.view:",
		`{"jail":"box","root":"/b/rootfs","view":"@roots/box"}`:                 "data.view:",
		`{"jail":"box","root":"/b/rootfs","view":"/x/../@roots/box"}`:           "data.view:",
		`{` + root + `,"mounts":[{"target":"/b/rootfs"}]}`:                      "data.mounts:",
		`{` + root + `,"mounts":[{"target":"/b/rootfs/x"},{"target":"/usr"}]}`:  "data.mounts:",
		`{` + root + `,"mounts":[{"target":"/b/rootfs/../../usr"}]}`:            "data.mounts:",
		`{` + root + `,"mounts":[{"target":"/b/rootfsx/y"}]}`:                   "data.mounts:",
		`{` + root + `,"mounts":[{"target":"/b/rootfs/x","before":-1}]}`:        "data.mounts:",
		`{` + view + `,"mounts":[{"target":"/run/berth/@roots/boxer"}]}`:        "data.mounts:",
		`{` + root + `,"files":[null]}`:                                         "data.files:",
		`{` + root + `,"files":[{"name":""}]}`:                                  "data.files:",
		`{` + root + `,"files":[{"name":".."}]}`:                                "data.files:",
		`{` + root + `,"files":[{"name":"a/b"}]}`:                               "data.files:",
		`{` + root + `,"files":[{"name":"a","saved":"../b"}]}`:                  "data.files:",
		`{` + root + `,"files":[{"name":"a","saved":"."}]}`:                     "data.files:",
		`{` + root + `,"files":[{"dir":["a",".."],"name":"a"}]}`:                "data.files:",
		`{` + root + `,"files":[{"dir":["a\u0000"],"name":"a"}]}`:               "data.files:",
		`{` + root + `,"aliases":[{"interface":"lo1"}]}`:                        "data.aliases:",
		`{` + root + `,"aliases":[{"interface":"-a","address":"10.0.0.1"}]}`:    "data.aliases:",
		`{` + root + `,"aliases":[{"interface":"","address":"10.0.0.1"}]}`:      "data.aliases:",
		`{` + root + `,"aliases":[{"interface":"lo1","address":"10.0.0.256"}]}`: "ParseAddr",
		`{` + root + `,"interfaces":["epair0b","-l"]}`:                          "data.interfaces:",
		`{` + root + `,"interfaces":["a/b"]}`:                                   "data.interfaces:",
		`{` + root + `,"interfaces":["a*"]}`:                                    "data.interfaces:",
		`{` + root + `,"interfaces":["a,b"]}`:                                   "data.interfaces:",
		`{` + root + `,"interfaces":["a b"]}`:                                   "data.interfaces:",
		`{` + root + `,"interfaces":["a\u007f"]}`:                               "data.interfaces:",
	} {
		c := &backends.Container{ID: "box", Root: "/run/berth", Data: json.RawMessage(data)}
		err := New().CheckRecord(c)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", data, err)
			}
			continue
		}
		if !errors.Is(err, record.ErrDamaged) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", data, err, want)
		}
	}
}

// TestCheckComplete checks that a complete record names everything.
func TestCheckComplete(t *testing.T) {
	t.Parallel()
	process := backends.Process{Pid: 7, StartTime: 8}
	for _, c := range []struct {
		data    string
		process backends.Process
		ok      bool
	}{
		{`{"jail":"box","root":"/b/rootfs"}`, process, true},
		{`{"jail":"box","root":"/b/rootfs"}`, backends.Process{}, false},
		{`{"root":"/b/rootfs"}`, process, false},
		{`{"jail":"box"}`, process, false},
		{``, process, false},
	} {
		err := New().CheckRecord(&backends.Container{ID: "box", Complete: true, Process: c.process, Data: json.RawMessage(c.data)})
		if (err == nil) != c.ok || err != nil && !errors.Is(err, record.ErrDamaged) {
			t.Errorf("%s, process %d: %v", c.data, c.process.Pid, err)
		}
	}
}
