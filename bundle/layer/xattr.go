package layer

import (
	"archive/tar"
	"strings"
)

const xattrRecord = "SCHILY.xattr."

// xattrs returns the extended attributes of an entry, except for those that belong to the host:
// labels of its security modules, and the attributes that overlay file systems write for
// themselves.
func xattrs(h *tar.Header) map[string]string {
	var list map[string]string
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, xattrRecord)
		if !ok || !carried(name) {
			continue
		}
		if list == nil {
			list = map[string]string{}
		}
		list[name] = value
	}
	return list
}

// carried reports whether an image may set an extended attribute (xattr(7)).
func carried(name string) bool {
	switch {
	case name == "security.capability", name == "system.posix_acl_access", name == "system.posix_acl_default":
		return true
	case strings.HasPrefix(name, "trusted.overlay."), strings.HasPrefix(name, "user.overlay."):
		return false
	}
	return strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "trusted.")
}
