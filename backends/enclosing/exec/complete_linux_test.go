package exec

import (
	"reflect"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

func TestConfined(t *testing.T) {
	d := &enclosure.Data{Profile: "lxc-1"}
	for named, want := range map[string]string{"": "lxc-1", "unconfined": "unconfined", "own": "own"} {
		if got := confined(d, &specs.Process{ApparmorProfile: named}).ApparmorProfile; got != want {
			t.Errorf("%q: %q, want %q", named, got, want)
		}
	}
}

// What a process of exec leaves open is the container's, and what belongs to a program is not.
func TestComplete(t *testing.T) {
	t.Parallel()
	score, other := 5, 6
	own := &specs.Process{
		Args: []string{"own"}, Env: []string{"A=1"}, Cwd: "/own", User: specs.User{UID: 7}, NoNewPrivileges: true,
		Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE"}},
		Capabilities: &specs.LinuxCapabilities{}, ApparmorProfile: "own", SelinuxLabel: "own", OOMScoreAdj: &score,
		Scheduler: &specs.Scheduler{}, IOPriority: &specs.LinuxIOPriority{}, ExecCPUAffinity: &specs.CPUAffinity{},
	}
	named := &specs.Process{
		Args: []string{"x"}, Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}}, ApparmorProfile: "x", SelinuxLabel: "x", OOMScoreAdj: &other,
		Scheduler: &specs.Scheduler{Nice: 1}, IOPriority: &specs.LinuxIOPriority{Priority: 1}, ExecCPUAffinity: &specs.CPUAffinity{Initial: "1"},
	}
	for name, c := range map[string]struct{ process, want *specs.Process }{
		"all is left open": {&specs.Process{Args: []string{"x"}}, &specs.Process{
			Args: []string{"x"}, Capabilities: own.Capabilities, ApparmorProfile: "own", SelinuxLabel: "own", OOMScoreAdj: &score,
			Scheduler: own.Scheduler, IOPriority: own.IOPriority, ExecCPUAffinity: own.ExecCPUAffinity,
		}},
		"all is named": {named, named},
	} {
		before := *c.process
		if got := complete(c.process, own); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if !reflect.DeepEqual(*c.process, before) {
			t.Errorf("%s: the caller's process has changed", name)
		}
	}
}
