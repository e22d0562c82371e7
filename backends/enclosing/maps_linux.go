package enclosing

import (
	"fmt"
	"os"
	"strings"

	cgroups "github.com/opencontainers/cgroups"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/cgroup"
)

// idMaps reads the maps of the user namespace that a process is in
// (user_namespaces(7)), host IDs being as in the initial one.
func idMaps(pid int) (uids, gids []specs.LinuxIDMapping, err error) {
	if uids, err = readMap(fmt.Sprintf("/proc/%d/uid_map", pid)); err != nil {
		return nil, nil, err
	}
	gids, err = readMap(fmt.Sprintf("/proc/%d/gid_map", pid))
	return uids, gids, err
}

func readMap(path string) ([]specs.LinuxIDMapping, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var maps []specs.LinuxIDMapping
	for line := range strings.Lines(string(data)) {
		var m specs.LinuxIDMapping
		if _, err := fmt.Sscan(line, &m.ContainerID, &m.HostID, &m.Size); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", path, line, err)
		}
		maps = append(maps, m)
	}
	return maps, nil
}

func resources(s *specs.Spec) (*cgroups.Resources, error) {
	if s.Linux == nil {
		return cgroup.Resources(nil)
	}
	return cgroup.Resources(s.Linux.Resources)
}
