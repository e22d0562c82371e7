package lxc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/berth-oci/berth/backends"
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
