package command

import (
	"encoding/json"
	"testing"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime"
)

func TestContainerState(t *testing.T) {
	c := &backends.Container{ID: "x", Backend: "crun", Bundle: "/b", Rootfs: "/b/r", Owner: "root", Process: backends.Process{Pid: 7}}
	const usual = `"pid":7,"status":"running","bundle":"/b","rootfs":"/b/r","created":"0001-01-01T00:00:00Z","owner":"root","backend":"crun"`
	for name, c := range map[string]struct {
		info *runtime.Info
		want string
	}{
		"own":        {&runtime.Info{Container: c, Status: "running"}, `{"ociVersion":"1.3.0","id":"x",` + usual + `}`},
		"delegated":  {&runtime.Info{Container: c, Status: "running", Delegated: true, StateVersion: "1.0.0"}, `{"ociVersion":"1.0.0","id":"x",` + usual + `}`},
		"unrecorded": {&runtime.Info{Container: c, Status: "running", Unrecorded: true}, `{"ociVersion":"1.3.0","id":"x",` + usual + `,"unrecorded":true}`},
		"extra": {&runtime.Info{Container: c, Status: "running", Delegated: true, Extra: map[string]json.RawMessage{"scope": json.RawMessage(`"s"`)}},
			`{"ociVersion":"1.3.0","id":"x",` + usual + `,"scope":"s"}`},
	} {
		got, err := json.Marshal(stateOf(c.info))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s, %v\nwant %s", name, got, err, c.want)
		}
	}
}
