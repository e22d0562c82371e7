package lxc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

// TestNamesDiffer checks that different containers have different names, whatever their ids.
func TestNamesDiffer(t *testing.T) {
	t.Parallel()
	const other = "/run/other"
	names := map[string]string{}
	for _, c := range []backends.Container{
		{Root: DefaultRoot, ID: "x"},
		{Root: other, ID: "x"},
		{Root: DefaultRoot, ID: fmt.Sprintf("x-%08x", hash(other))},
		{Root: DefaultRoot, ID: "a..b"},
		{Root: DefaultRoot, ID: "a__b"},
		{Root: DefaultRoot, ID: fmt.Sprintf("a__b-%08x", hash("a..b"))},
		{Root: DefaultRoot, ID: "pids.max"},
		{Root: DefaultRoot, ID: "pids_max"},
	} {
		name := Name(&c)
		if was, ok := names[name]; ok {
			t.Errorf("%s in %s and %s have the name %s", c.ID, c.Root, was, name)
		}
		names[name] = c.ID + " in " + c.Root
		if strings.Contains(name, "..") {
			t.Errorf("%s: LXC refuses two dots in a row", name)
		}
	}
}

// TestLabel checks that label changes only ids that need it.
func TestLabel(t *testing.T) {
	t.Parallel()
	for id, changed := range map[string]bool{
		"web": false, "web.1": false, "memory": false, "cgroups.x": false,
		"cgroup.procs": true, "memory.max": true, "hugetlb.2MB.max": true, "a..b": true,
	} {
		if got := label(id); (got != id) != changed {
			t.Errorf("label(%s) = %s", id, got)
		}
	}
}

// TestPlan checks a container's name and cgroup. Both must stay as they are from one version of
// berth to the next, because containers outlive it.
func TestPlan(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		container    backends.Container
		name, cgroup string
	}{
		{backends.Container{ID: "web", Root: DefaultRoot}, "berth-web", "/berth/web"},
		{backends.Container{ID: "web", Root: "/run/other"}, "berth-web@99b3c14a", "/berth/@99b3c14a/web"},
		{backends.Container{ID: "a..b", Root: DefaultRoot}, "berth-a__b@91beab8e", "/berth/a__b@91beab8e"},
		{backends.Container{ID: "memory.max", Root: DefaultRoot}, "berth-memory_max@c31d40ce", "/berth/memory_max@c31d40ce"},
		{backends.Container{ID: "web", Root: DefaultRoot, CgroupsPath: "/pods/web"}, "berth-web", "/pods/web"},
		{backends.Container{ID: "web", Root: DefaultRoot, CgroupsPath: "pods/../../web"}, "berth-web", "/berth/web"},
	} {
		j := &enclosure.Job{Container: &c.container, Data: &enclosure.Data{}}
		if err := plan(j); err != nil || j.Data.Name != c.name || j.Data.Cgroup != c.cgroup || j.Data.Limits != c.cgroup || j.Data.Scope {
			t.Errorf("%s in %s with %q: %+v, %v; want %s in %s", c.container.ID, c.container.Root, c.container.CgroupsPath, j.Data, err, c.name, c.cgroup)
		}
	}
	for _, path := range []string{"/a..b", "/a ", "/'a'", "/../..b"} {
		j := &enclosure.Job{Container: &backends.Container{ID: "x", Root: DefaultRoot, CgroupsPath: path}, Data: &enclosure.Data{}}
		if err := plan(j); err == nil || !strings.HasPrefix(err.Error(), "linux.cgroupsPath: ") {
			t.Errorf("%q: %v", path, err)
		}
	}
}
