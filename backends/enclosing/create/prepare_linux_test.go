package create

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/process"
)

// The process has the caller's limit on files, although berth has raised its own.
func TestKeepFileSize(t *testing.T) {
	t.Parallel()
	callers := process.Limit{Name: "RLIMIT_FSIZE", Resource: unix.RLIMIT_FSIZE, Soft: 1, Hard: 2}
	named := process.Limit{Name: "RLIMIT_FSIZE", Resource: unix.RLIMIT_FSIZE, Soft: 7, Hard: 7}
	other := process.Limit{Name: "RLIMIT_CORE", Resource: unix.RLIMIT_CORE}
	for name, c := range map[string]struct {
		limits []process.Limit
		own    *process.Limit
		want   []process.Limit
	}{
		"large enough":            {[]process.Limit{other}, nil, []process.Limit{other}},
		"too small":               {[]process.Limit{other}, &callers, []process.Limit{other, callers}},
		"one of its own, besides": {[]process.Limit{named}, &callers, []process.Limit{named}},
	} {
		a := &process.Attributes{Limits: c.limits}
		if keepFileSize(a, c.own); !slices.Equal(a.Limits, c.want) {
			t.Errorf("%s: %v, want %v", name, a.Limits, c.want)
		}
	}
}

// The container's user owns its cgroup only if it can write there.
func TestWritesCgroups(t *testing.T) {
	t.Parallel()
	at := func(destination, kind string, options ...string) specs.Mount {
		return specs.Mount{Destination: destination, Type: kind, Options: options}
	}
	for name, c := range map[string]struct {
		mounts []specs.Mount
		want   bool
	}{
		"none":            {nil, false},
		"writable":        {[]specs.Mount{at("/sys/fs/cgroup/", "cgroup", "rw")}, true},
		"of version 2":    {[]specs.Mount{at("/sys/fs/cgroup", "cgroup2")}, true},
		"read-only":       {[]specs.Mount{at("/sys/fs/cgroup", "cgroup", "nosuid", "ro")}, false},
		"and all below":   {[]specs.Mount{at("/sys/fs/cgroup", "cgroup", "rro")}, false},
		"elsewhere":       {[]specs.Mount{at("/cgroup", "cgroup")}, false},
		"something else":  {[]specs.Mount{at("/sys/fs/cgroup", "tmpfs")}, false},
		"a later mount":   {[]specs.Mount{at("/sys/fs/cgroup", "cgroup"), at("/sys/fs/cgroup", "tmpfs")}, false},
		"a later cgroup2": {[]specs.Mount{at("/sys/fs/cgroup", "cgroup", "ro"), at("/sys/fs/cgroup", "cgroup2")}, true},
	} {
		if got := writesCgroups(&specs.Spec{Mounts: c.mounts}); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A link leads to the container's process where LXC does not see its end.
func TestLinkProcess(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		namespaces []specs.LinuxNamespace
		want       string
	}{
		"a pid namespace of its own": {[]specs.LinuxNamespace{{Type: specs.PIDNamespace}}, ""},
		"a joined one":               {[]specs.LinuxNamespace{{Type: specs.PIDNamespace, Path: "/x"}}, "/proc/70"},
		"the host's":                 {nil, "/proc/70"},
	} {
		j := jobIn(c.namespaces...)
		j.Dir, j.Process.Pid = t.TempDir(), 70
		err := linkProcess(j)
		if got, _ := os.Readlink(filepath.Join(j.Dir, "process")); got != c.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
}
