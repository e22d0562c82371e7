package exec

import (
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
