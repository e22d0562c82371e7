package pct

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

var _ enclosure.Administrator = (*Enclosure)(nil)

// Administer replaces this process with pct for the container's CT. words are a subcommand of
// pct(1) and the arguments after the VMID. Administer returns only if the subcommand would break
// the container or if pct cannot be run.
func (e *Enclosure) Administer(vmid string, words []string) error {
	args, err := administrate(vmid, words)
	if err != nil {
		return err
	}
	path, err := find(e.settings.Path)
	if err != nil {
		return newError(args, "", "", err)
	}
	return backends.CannotStart(path, syscall.Exec(path, append([]string{path}, args...), os.Environ()))
}

// refused maps the subcommands that would break an engine's container to the reason, or to what to
// do instead.
var refused = map[string]string{
	"start":          "its process belongs to the container engine: start it there",
	"resume":         "Proxmox VE's suspend and resume are CRIU's, which cannot restore an OCI container: use 'berth resume'",
	"suspend":        "Proxmox VE's suspend is CRIU's, which cannot restore an OCI container: use 'berth pause'",
	"reboot":         "its process belongs to the container engine: restart it there",
	"destroy":        "the container would stay in its engine's books: delete it there, or with 'berth delete'",
	"migrate":        "its root filesystem is the engine's, on this node, and used in place",
	"remote-migrate": "its root filesystem is the engine's, on this node, and used in place",
	"clone":          "its root filesystem is the engine's and used in place: make a CT of the image with 'berth bundle --to-ct'",
	"template":       "its root filesystem is the engine's and used in place: make a CT of the image with 'berth bundle --to-ct'",
	"restore":        "it would replace the container",
	"create":         "it is there already",
	"move-volume":    "its root filesystem is the engine's and used in place",
	"resize":         "its root filesystem is the engine's and used in place",
	"mount":          "its root filesystem is a directory of the host already, and the lock that mount sets would keep it from being deleted",
	"fsck":           "its root filesystem is the engine's and used in place",
}

// refusedSetting returns why pct set must not change or delete the option of that name, because the
// CT would no longer fit its container; "" if it may.
func refusedSetting(name string) string {
	switch {
	case name == "rootfs", name == "unprivileged", strings.HasPrefix(name, "mp"), strings.HasPrefix(name, "unused"), strings.HasPrefix(name, "dev"):
		return "the root filesystem, mounts, devices and ids come from config.json"
	case name == "description":
		return "after a reboot berth knows its CTs by their notes"
	case name == "template", name == "lock":
		return "the container could not be deleted any more"
	case name == "onboot":
		return "the container engine decides when it starts"
	}
	return ""
}

// administrate returns the arguments for pct. It fails if the subcommand is missing, refused or not
// about one container, or if it is set and would change a refused setting.
func administrate(vmid string, words []string) ([]string, error) {
	if len(words) == 0 || strings.HasPrefix(words[0], "-") {
		return nil, fmt.Errorf("pct: name one of its subcommands, such as config, enter, console, set, df, push, pull")
	}
	command := words[0]
	if why, ok := refused[command]; ok {
		return nil, fmt.Errorf("pct %s of CT %s, which is an OCI container: refused: %s", command, vmid, why)
	}
	if command == "list" || command == "help" {
		return nil, fmt.Errorf("pct %s is not about one container: call pct itself", command)
	}
	if command == "set" {
		if err := checkSettings(vmid, words[1:]); err != nil {
			return nil, err
		}
	}
	return slices.Concat([]string{command, vmid}, words[1:]), nil
}

// checkSettings returns an error if the arguments of pct set change a setting that is refused. pct
// accepts -name and --name, with the value after a space or a =.
func checkSettings(vmid string, words []string) error {
	for i, w := range words {
		if !strings.HasPrefix(w, "-") {
			continue
		}
		name, value, valued := strings.Cut(strings.TrimLeft(w, "-"), "=")
		names := []string{name}
		// Getopt::Long accepts an unambiguous prefix of a name.
		if name != "" && strings.HasPrefix("delete", name) {
			if !valued && i+1 < len(words) {
				value = words[i+1]
			}
			names = strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(",; \x00", r) })
		}
		for _, n := range names {
			for _, full := range append(settingsFrom(n), n) {
				if why := refusedSetting(full); why != "" {
					return fmt.Errorf("pct set --%s of CT %s, which is an OCI container: refused: %s", n, vmid, why)
				}
			}
		}
	}
	return nil
}

// settingsFrom returns the refused names that begin with short.
func settingsFrom(short string) []string {
	var list []string
	for _, full := range []string{"rootfs", "unprivileged", "mp0", "dev0", "description", "template", "lock", "onboot"} {
		if short != "" && strings.HasPrefix(full, short) {
			list = append(list, full)
		}
	}
	return list
}
