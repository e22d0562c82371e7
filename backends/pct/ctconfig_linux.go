package pct

import (
	"net/url"
	"strings"
)

// CT is what berth reads of a CT's configuration, as pve-container reads it
// (PVE::LXC::Config::parse_pct_config): the current settings, without those of snapshots and
// pending ones.
type CT struct {
	// Description is the text at the beginning, by lines.
	Description []string
	// Lock is the lock property, such as "backup" or "create"; "" if the CT is not locked.
	Lock string
	// Protected is true if Proxmox VE must not remove the CT.
	Protected bool
	// Includes are the files that the CT's lxc.include lines name.
	Includes []string
	// Roots are the values of rootfs. There is more than one only if somebody has edited the file.
	Roots []string
	// Volumes are all of the CT's volumes on storages, as "mp0: local:8", including those of
	// snapshots and pending settings. pct destroy would free them.
	Volumes []string
	// Settings is the number of settings other than the lock.
	Settings int
}

// parseCT parses a configuration. A line that it does not understand counts as a setting.
func parseCT(text string) *CT {
	ct := &CT{}
	current := true
	for line := range strings.SplitSeq(text, "\n") {
		if text, ok := strings.CutPrefix(line, "#"); ok {
			ct.describe(text, current)
			continue
		}
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if strings.HasPrefix(line, "[") {
			current = false // the section of a snapshot or of pending settings
			ct.Settings++
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		if raw, rawValue, ok := strings.Cut(line, "="); ok && strings.HasPrefix(raw, "lxc.") && !strings.Contains(raw, ":") {
			key, value = raw, rawValue // pve-container accepts both
		}
		ct.set(strings.TrimSpace(key), strings.TrimSpace(value), current)
	}
	return ct
}

func (ct *CT) describe(text string, current bool) {
	ct.Settings++
	if !current {
		return
	}
	// pve-container writes the description with URI escapes.
	if plain, err := url.PathUnescape(text); err == nil {
		text = plain
	}
	ct.Description = append(ct.Description, text)
}

func (ct *CT) set(key, value string, current bool) {
	if isVolumeKey(key) && !ofHost(value) {
		ct.Volumes = append(ct.Volumes, key+": "+value)
	}
	if current && key == "lock" {
		ct.Lock = value
		return
	}
	ct.Settings++
	if !current {
		return
	}
	switch key {
	case "lxc.include":
		ct.Includes = append(ct.Includes, value)
	case "rootfs":
		ct.Roots = append(ct.Roots, value)
	case "protection":
		ct.Protected = value != "0"
	}
}

// isVolumeKey reports whether a setting can name a volume: rootfs, mpN and unusedN can.
func isVolumeKey(key string) bool {
	if key == "rootfs" {
		return true
	}
	stem := strings.TrimRight(key, "0123456789")
	return stem != key && (stem == "mp" || stem == "unused")
}

// ofHost reports whether the value of a rootfs or mount point is a path of the host, which Proxmox
// VE never frees (PVE::LXC::Config::classify_mountpoint). If that is not certain, it is false.
func ofHost(value string) bool {
	path, ok := mounted(value)
	return ok && strings.HasPrefix(path, "/")
}

// mounted returns what a rootfs or mount point mounts: the part with the name volume, or the part
// without a name. ok is false unless there is exactly one.
func mounted(value string) (volume string, ok bool) {
	found := 0
	for part := range strings.SplitSeq(value, ",") {
		name, rest, named := strings.Cut(part, "=")
		switch {
		case !named:
			volume = part
		case name == "volume":
			volume = rest
		default:
			continue
		}
		found++
	}
	return volume, found == 1
}

// bare reports whether the CT has no settings except perhaps a lock. A killed pct create or pct
// destroy leaves such a CT.
func (ct *CT) bare() bool { return ct.Settings == 0 }

// rootedAt returns the directory of the host that is the CT's root; "" if the CT has another kind
// of root or none.
func (ct *CT) rootedAt() string {
	if len(ct.Roots) != 1 || !ofHost(ct.Roots[0]) {
		return ""
	}
	path, _ := mounted(ct.Roots[0])
	if strings.HasPrefix(path, "/dev/") {
		return "" // a device
	}
	return path
}
