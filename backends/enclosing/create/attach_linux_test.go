package create

import (
	"os"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

// A container that names a profile or is privileged gets no other profile.
func TestOwnProfile(t *testing.T) {
	for _, p := range []*specs.Process{
		{ApparmorProfile: "own"},
		{Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL", "CAP_SYS_ADMIN"}}},
	} {
		j := &enclosure.Job{Spec: &specs.Spec{Process: p}, Data: &enclosure.Data{}}
		j.Data.StubInit.Pid = -1 // must not be read
		if got, err := ownProfile(j); got != "" || err != nil {
			t.Errorf("%+v: %q, %v", p, got, err)
		}
	}
	if _, err := profileOf(os.Getpid()); err != nil {
		t.Error(err)
	}
}
