package namespace

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// IDMaps reads the ID maps of the user namespace that a process is in (user_namespaces(7)). Host
// IDs are those of the initial user namespace.
func IDMaps(pid int) (uids, gids []specs.LinuxIDMapping, err error) {
	if uids, err = ReadMap(fmt.Sprintf("/proc/%d/uid_map", pid)); err != nil {
		return nil, nil, err
	}
	gids, err = ReadMap(fmt.Sprintf("/proc/%d/gid_map", pid))
	return uids, gids, err
}

// ReadMap reads one of the files uid_map and gid_map of a process.
func ReadMap(path string) ([]specs.LinuxIDMapping, error) {
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

// HostID returns the host's ID for an ID in a user namespace with these maps. If the ID is not
// mapped, it returns 0 and false.
func HostID(id uint32, maps []specs.LinuxIDMapping) (host uint32, mapped bool) {
	for _, m := range maps {
		if id >= m.ContainerID && id-m.ContainerID < m.Size {
			return m.HostID + (id - m.ContainerID), true
		}
	}
	return 0, false
}

// mostMapText is the largest size of a map as text, in bytes. The kernel takes less than a page in
// one write (user_namespaces(7)). LXC puts the call of newuidmap(1), with a pid of seven digits,
// into the same space.
const mostMapText = 4096 - len("newuidmap 4194304") - 1

// CheckMaps refuses mappings whose text is too long.
func CheckMaps(l *specs.Linux) error {
	if l == nil {
		return nil
	}
	for _, side := range []struct {
		path string
		list []specs.LinuxIDMapping
	}{{"linux.uidMappings", l.UIDMappings}, {"linux.gidMappings", l.GIDMappings}} {
		size := 0
		for _, m := range side.list {
			size += len(fmt.Sprintln(m.ContainerID, m.HostID, m.Size))
		}
		if size > mostMapText {
			return spec.Fieldf(side.path, "the %d mappings have %d bytes as text, but an id map of Linux and LXC can have at most %d: use fewer and larger ranges",
				len(side.list), size, mostMapText)
		}
	}
	return nil
}

// CheckJoined refuses a joined user namespace in which the container cannot be prepared. uids and
// gids are the namespace's own maps. CheckJoined also refuses mappings in config.json that are not
// the same: files would belong to other users than the mappings say.
func CheckJoined(s *specs.Spec, uids, gids []specs.LinuxIDMapping) error {
	l := s.Linux
	for _, side := range []struct {
		path        string
		want, being []specs.LinuxIDMapping
	}{{"linux.uidMappings", l.UIDMappings, uids}, {"linux.gidMappings", l.GIDMappings, gids}} {
		if len(side.want) > 0 && !slices.Equal(joinedUp(side.want), joinedUp(side.being)) {
			return spec.Fieldf(side.path, "%v are not the mappings of the user namespace to join, which are %v: omit the mappings", side.want, side.being)
		}
		if _, mapped := HostID(0, side.being); !mapped {
			return spec.Fieldf(Field(s, specs.UserNamespace)+".path", "the %s of this user namespace must map id 0, because berth prepares the container inside it", strings.TrimPrefix(side.path, "linux."))
		}
	}
	return nil
}

// joinedUp returns the same mapping, sorted and in as few parts as possible.
func joinedUp(maps []specs.LinuxIDMapping) []specs.LinuxIDMapping {
	sorted := slices.Clone(maps)
	slices.SortFunc(sorted, func(a, b specs.LinuxIDMapping) int { return cmp.Compare(a.ContainerID, b.ContainerID) })
	var parts []specs.LinuxIDMapping
	for _, m := range sorted {
		if n := len(parts) - 1; n >= 0 {
			p := &parts[n]
			if uint64(p.ContainerID)+uint64(p.Size) == uint64(m.ContainerID) && uint64(p.HostID)+uint64(p.Size) == uint64(m.HostID) {
				p.Size += m.Size
				continue
			}
		}
		parts = append(parts, m)
	}
	return parts
}
