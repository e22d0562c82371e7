package lxcconf

import (
	"fmt"
	"strings"

	"github.com/berth-oci/berth/spec"
)

// CheckValue returns an error if value cannot be the value of a key: with a control character it
// could end the line and begin another one, and LXC takes away blanks around it.
func CheckValue(value string) error {
	switch {
	case HasControl(value):
		return fmt.Errorf("%.100q holds a control character", value)
	case value != strings.TrimSpace(value):
		return fmt.Errorf("%.100q begins or ends with a blank", value)
	}
	return nil
}

// HasControl reports whether a text holds an ASCII control character other than a tab.
func HasControl(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// CheckPath returns an error if path cannot be written in a mount entry or hook of an LXC
// configuration. LXC splits mount entries at spaces, and a shell reads hooks.
func CheckPath(path string) error {
	for _, r := range path {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("/_+.-@", r):
		default:
			return fmt.Errorf("the state directory %q holds %q: with LXC only letters, digits and / _ + . - @ are allowed; choose another --root", path, r)
		}
	}
	return nil
}

// CheckCgroup returns an error for linux.cgroupsPath if LXC would refuse the cgroup path or read
// another one from its configuration. LXC refuses ".." as a way upwards, and strips blanks and
// quotes around a value.
func CheckCgroup(path string) error {
	if strings.Contains(path, "..") {
		return spec.Fieldf("linux.cgroupsPath", "%q holds two dots in a row, which LXC refuses", path)
	}
	if value := strings.TrimPrefix(path, "/"); value != strings.Trim(value, " \t\"'") {
		return spec.Fieldf("linux.cgroupsPath", "%q begins or ends with a blank or a quote, which LXC would take away", path)
	}
	return nil
}
