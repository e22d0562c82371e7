package create

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestOffsets(t *testing.T) {
	t.Parallel()
	for want, offered := range map[string]map[string]specs.LinuxTimeOffset{
		"":                                   nil,
		"boottime -5 7\nmonotonic 86400 0\n": {"monotonic": {Secs: 86400}, "boottime": {Secs: -5, Nanosecs: 7}},
	} {
		if got := offsets(&specs.Spec{Linux: &specs.Linux{TimeOffsets: offered}}); got != want {
			t.Errorf("%v: %q, want %q", offered, got, want)
		}
	}
}
