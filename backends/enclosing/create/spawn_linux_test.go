package create

import (
	"os"
	"reflect"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/backends/initproc"
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

// The init process is started in the namespaces that it cannot enter later.
func TestInitConfig(t *testing.T) {
	t.Parallel()
	maps := []specs.LinuxIDMapping{{HostID: 100000, Size: 10}}
	file := os.Stdout
	opened := func(kinds ...specs.LinuxNamespaceType) namespace.Opened {
		open := namespace.Opened{}
		for _, kind := range kinds {
			open[kind] = file
		}
		return open
	}
	here := func(kind specs.LinuxNamespaceType) string { return opened(kind).Path(kind) }
	user, pid, clock := specs.LinuxNamespace{Type: specs.UserNamespace}, specs.LinuxNamespace{Type: specs.PIDNamespace}, specs.LinuxNamespace{Type: specs.TimeNamespace}
	named := func(ns specs.LinuxNamespace) specs.LinuxNamespace { ns.Path = "/x"; return ns }
	for name, c := range map[string]struct {
		namespaces []specs.LinuxNamespace
		open       namespace.Opened
		before     []specs.LinuxNamespaceType
		want       initproc.Config
	}{
		"the host's":      {nil, opened(), nil, initproc.Config{}},
		"new ones":        {[]specs.LinuxNamespace{pid, user, clock}, opened(), nil, initproc.Config{NewPID: true, NewUser: true, NewTime: true, UIDMaps: maps, GIDMaps: maps}},
		"a joined pid":    {[]specs.LinuxNamespace{named(pid), clock}, opened(specs.PIDNamespace), nil, initproc.Config{}}, // the fork makes the time namespace
		"a joined user":   {[]specs.LinuxNamespace{named(user)}, opened(specs.UserNamespace), nil, initproc.Config{UserPath: here(specs.UserNamespace)}},
		"a joined time":   {[]specs.LinuxNamespace{pid, named(clock)}, opened(specs.TimeNamespace), nil, initproc.Config{NewPID: true, TimePath: here(specs.TimeNamespace)}},
		"before the fork": {[]specs.LinuxNamespace{pid, user, {Type: specs.NetworkNamespace, Path: "/x"}}, opened(specs.NetworkNamespace), []specs.LinuxNamespaceType{specs.NetworkNamespace}, initproc.Config{NewPID: true, NewUser: true, UIDMaps: maps, GIDMaps: maps, JoinBeforeFork: []*os.File{file}}},
		"by LXC":          {[]specs.LinuxNamespace{pid, {Type: specs.NetworkNamespace, Path: "/x"}}, opened(specs.NetworkNamespace), nil, initproc.Config{NewPID: true}},
	} {
		j := jobIn(c.namespaces...)
		j.Joined, j.Data.JoinedBeforeFork = c.open, c.before
		j.Spec.Linux.UIDMappings, j.Spec.Linux.GIDMappings = maps, maps
		c.want.Stdio, c.want.Inherited = [3]*os.File{os.Stdin, file, os.Stderr}, 2
		if got := initConfig(j, &backends.CreateOptions{Stdio: [3]*os.File{1: file}}, 2); !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, *got, c.want)
		}
	}
}
