package enclosing

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
)

// No flags at all and an empty list of them are not the same.
func TestKeptSeccompFlags(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]specs.LinuxSeccompFlag{nil, {}, {specs.LinuxSeccompFlagLog}} {
		c := &backends.Container{ID: "x", Dir: t.TempDir()}
		s := minimal()
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Flags: flags}
		if err := keep(&Job{Container: c, Spec: s}, &backends.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		k, err := loadKept(c)
		if err != nil {
			t.Fatal(err)
		}
		if got := k.Linux.Seccomp.Flags; (got == nil) != (flags == nil) || len(got) != len(flags) {
			t.Errorf("%#v has become %#v", flags, got)
		}
	}
}
