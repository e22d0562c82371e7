// Package resctrl puts a container into a group of the kernel's resctrl file system
// (config-linux.md#intelrdt; kernel documentation, arch/x86/resctrl). A group is a class of
// service, whose schemata define its share of the caches and of the memory bandwidth. Below it
// there can be a monitoring group.
package resctrl

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// ErrNone is returned if no resctrl file system is mounted. The kernel or the machine does not
// support it, or it has not been mounted.
var ErrNone = errors.New("intelRdt is specified in config, but Intel RDT is not supported or not enabled: no resctrl file system is mounted")

// Root returns the mount point of the resctrl file system.
func Root() (string, error) {
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("resctrl"))
	if err != nil {
		return "", &spec.FieldError{Path: "linux.intelRdt", Err: err}
	}
	if len(mounts) == 0 {
		return "", &spec.FieldError{Path: "linux.intelRdt", Err: ErrNone}
	}
	return mounts[0].Mountpoint, nil
}

// Group is the group of a container's processes. The zero value means no group.
type Group struct {
	// Class is the directory of the class of service. Monitor is the directory of the monitoring
	// group below it, or empty if there is none.
	Class   string `json:"class,omitempty"`
	Monitor string `json:"monitor,omitempty"`
	// Own is true if Class was made for the container.
	Own bool `json:"own,omitempty"`
}

// Plan chooses the group for the container with the given id. It makes nothing.
func Plan(root, id string, r *specs.LinuxIntelRdt) (Group, error) {
	name := r.ClosID
	if name == "" {
		name = id
	}
	g := Group{Class: filepath.Join(root, name)}
	if r.ClosID == "" {
		_, err := os.Lstat(g.Class)
		g.Own = errors.Is(err, os.ErrNotExist) // an existing class with the id is not the container's
	}
	if r.EnableMonitoring {
		g.Monitor = filepath.Join(g.Class, "mon_groups", id)
	}
	if r.ClosID != "" && len(lines(r)) == 0 {
		if _, err := os.Stat(g.Class); err != nil {
			return Group{}, spec.Fieldf("linux.intelRdt.closID", "the class must exist if no schemata are set: %w", err)
		}
	}
	return g, nil
}

// CheckIn returns an error if Plan cannot have returned g for the container with the given id.
func (g Group) CheckIn(root, id string) error {
	if filepath.Dir(g.Class) != filepath.Clean(root) || g.Own && filepath.Base(g.Class) != id {
		return fmt.Errorf("%.100q is not a class of this container", g.Class)
	}
	if g.Monitor != "" && g.Monitor != filepath.Join(g.Class, "mon_groups", id) {
		return fmt.Errorf("%.100q is not a monitoring group of this container", g.Monitor)
	}
	return nil
}

// lines returns the lines for the schemata file, in the specification's order.
func lines(r *specs.LinuxIntelRdt) []string {
	var out []string
	for _, line := range append([]string{r.L3CacheSchema, r.MemBwSchema}, r.Schemata...) {
		if line != "" {
			out = append(out, line)
		}
	}
	return out
}

// Make makes the missing directories of the group and writes its schemata.
func (g Group) Make(r *specs.LinuxIntelRdt) error {
	for _, dir := range []string{g.Class, g.Monitor} {
		if dir == "" {
			continue
		}
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return g.failed("make the group", err)
		}
	}
	if list := lines(r); len(list) > 0 {
		if err := os.WriteFile(filepath.Join(g.Class, "schemata"), []byte(strings.Join(list, "\n")+"\n"), 0o600); err != nil {
			return g.failed(fmt.Sprintf("set the schemata %q", list), err)
		}
	}
	return nil
}

// Enter moves a process into the group. Children that the process forks afterwards are in the
// group, too.
func (g Group) Enter(pid int) error {
	for _, dir := range []string{g.Class, g.Monitor} {
		if dir == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, "tasks"), []byte(strconv.Itoa(pid)), 0o600); err != nil {
			return g.failed(fmt.Sprintf("move process %d into the group", pid), err)
		}
	}
	return nil
}

// failed adds the kernel's message (info/last_cmd_status) to an error.
func (g Group) failed(what string, err error) error {
	status, _ := os.ReadFile(filepath.Join(filepath.Dir(g.Class), "info", "last_cmd_status"))
	if text := strings.TrimSpace(string(status)); text != "" && text != "ok" {
		err = fmt.Errorf("%w: the kernel says: %s", err, text)
	}
	return spec.Fieldf("linux.intelRdt", "%s: %w", what, err)
}

// Remove removes the directories that were made for the container. A class that config.json names
// may be shared with others, and stays. Remove can be repeated.
func (g Group) Remove() error {
	dirs := []string{g.Monitor}
	if g.Own {
		dirs = append(dirs, g.Class)
	}
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			return g.failed("remove the group", err)
		}
	}
	return nil
}
