package pct

import (
	"net/url"
	"strings"
)

// CT is what berth reads of a CT's configuration, as pve-container reads it
// (PVE::LXC::Config::parse_pct_config): the settings that hold now, without those of
// snapshots and those that are pending.
type CT struct {
	// Description is the text at its beginning.
	Description []string
	// Lock is what holds it, such as "backup" or "create".
	Lock string
	// Protected says that it must not be removed.
	Protected bool
	// Includes are the files that LXC reads besides.
	Includes []string
	// Roots are the values of rootfs, of which there is one at most unless somebody has
	// edited the file.
	Roots []string
	// Volumes are all that it has on storages, snapshots and what is pending included, as
	// "mp0: local:8". pct destroy would free them.
	Volumes []string
	// Settings is the number of settings beside the lock.
	Settings int
}

// parseCT reads a configuration. What is not understood counts as a setting.
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
			current = false // a snapshot's section, or what is pending
			ct.Settings++
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		if raw, rawValue, ok := strings.Cut(line, "="); ok && strings.HasPrefix(raw, "lxc.") && !strings.Contains(raw, ":") {
			key, value = raw, rawValue // pve-container takes both
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

// isVolumeKey says whether a setting can name a volume: rootfs, mpN, unusedN.
func isVolumeKey(key string) bool {
	if key == "rootfs" {
		return true
	}
	stem := strings.TrimRight(key, "0123456789")
	return stem != key && (stem == "mp" || stem == "unused")
}

// ofHost says that a rootfs or mount point is a path of the host's, which Proxmox VE
// never frees (PVE::LXC::Config::classify_mountpoint). Whatever is not certain to be one
// is not.
func ofHost(value string) bool {
	path, ok := mounted(value)
	return ok && strings.HasPrefix(path, "/")
}

// mounted is what a rootfs or mount point mounts: the part that is called volume, or the
// one without a name.
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

// bare says that a CT has nothing in it but a lock, or not even that: pct create and pct
// destroy leave it so when they are killed.
func (ct *CT) bare() bool { return ct.Settings == 0 }

// rootedAt is the directory of the host that is its root; "" if it has another kind of
// root, or none.
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
