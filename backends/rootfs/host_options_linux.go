package rootfs

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

type flagOption struct {
	clear bool
	flag  uint64
}

// mountFlags are the options of mount(8) that set or clear a flag of mount(2).
var mountFlags = map[string]flagOption{
	"async":         {true, unix.MS_SYNCHRONOUS},
	"atime":         {true, unix.MS_NOATIME},
	"bind":          {false, unix.MS_BIND},
	"defaults":      {false, 0},
	"dev":           {true, unix.MS_NODEV},
	"diratime":      {true, unix.MS_NODIRATIME},
	"dirsync":       {false, unix.MS_DIRSYNC},
	"exec":          {true, unix.MS_NOEXEC},
	"iversion":      {false, unix.MS_I_VERSION},
	"lazytime":      {false, unix.MS_LAZYTIME},
	"loud":          {true, unix.MS_SILENT},
	"mand":          {false, unix.MS_MANDLOCK},
	"noatime":       {false, unix.MS_NOATIME},
	"nodev":         {false, unix.MS_NODEV},
	"nodiratime":    {false, unix.MS_NODIRATIME},
	"noexec":        {false, unix.MS_NOEXEC},
	"noiversion":    {true, unix.MS_I_VERSION},
	"nolazytime":    {true, unix.MS_LAZYTIME},
	"nomand":        {true, unix.MS_MANDLOCK},
	"norelatime":    {true, unix.MS_RELATIME},
	"nostrictatime": {true, unix.MS_STRICTATIME},
	"nosuid":        {false, unix.MS_NOSUID},
	"nosymfollow":   {false, unix.MS_NOSYMFOLLOW},
	"rbind":         {false, unix.MS_BIND | unix.MS_REC},
	"relatime":      {false, unix.MS_RELATIME},
	"remount":       {false, unix.MS_REMOUNT},
	"ro":            {false, unix.MS_RDONLY},
	"rw":            {true, unix.MS_RDONLY},
	"silent":        {false, unix.MS_SILENT},
	"strictatime":   {false, unix.MS_STRICTATIME},
	"suid":          {true, unix.MS_NOSUID},
	"symfollow":     {true, unix.MS_NOSYMFOLLOW},
	"sync":          {false, unix.MS_SYNCHRONOUS},
}

// propagations maps the propagation types of mount_namespaces(7) to MS_* flags.
var propagations = map[string]uint64{
	"private":     unix.MS_PRIVATE,
	"rprivate":    unix.MS_PRIVATE | unix.MS_REC,
	"slave":       unix.MS_SLAVE,
	"rslave":      unix.MS_SLAVE | unix.MS_REC,
	"shared":      unix.MS_SHARED,
	"rshared":     unix.MS_SHARED | unix.MS_REC,
	"unbindable":  unix.MS_UNBINDABLE,
	"runbindable": unix.MS_UNBINDABLE | unix.MS_REC,
}

// recursiveFlags are the spec's options for mount_setattr(2) with AT_RECURSIVE.
var recursiveFlags = map[string]flagOption{
	"ratime":         {true, unix.MOUNT_ATTR_NOATIME},
	"rdev":           {true, unix.MOUNT_ATTR_NODEV},
	"rdiratime":      {true, unix.MOUNT_ATTR_NODIRATIME},
	"rexec":          {true, unix.MOUNT_ATTR_NOEXEC},
	"rnoatime":       {false, unix.MOUNT_ATTR_NOATIME},
	"rnodev":         {false, unix.MOUNT_ATTR_NODEV},
	"rnodiratime":    {false, unix.MOUNT_ATTR_NODIRATIME},
	"rnoexec":        {false, unix.MOUNT_ATTR_NOEXEC},
	"rnorelatime":    {true, unix.MOUNT_ATTR_RELATIME},
	"rnostrictatime": {true, unix.MOUNT_ATTR_STRICTATIME},
	"rnosuid":        {false, unix.MOUNT_ATTR_NOSUID},
	"rnosymfollow":   {false, unix.MOUNT_ATTR_NOSYMFOLLOW},
	"rrelatime":      {false, unix.MOUNT_ATTR_RELATIME},
	"rro":            {false, unix.MOUNT_ATTR_RDONLY},
	"rrw":            {true, unix.MOUNT_ATTR_RDONLY},
	"rstrictatime":   {false, unix.MOUNT_ATTR_STRICTATIME},
	"rsuid":          {true, unix.MOUNT_ATTR_NOSUID},
	"rsymfollow":     {true, unix.MOUNT_ATTR_NOSYMFOLLOW},
}

var ownOptions = map[string]func(*options){
	"copy-symlink":  func(o *options) { o.copySymlink = true },
	"dest-nofollow": func(o *options) { o.targetNoFollow = true },
	"idmap":         func(o *options) { o.idmap = true },
	"ridmap":        func(o *options) { o.idmap, o.ridmap = true, true },
	"src-nofollow":  func(o *options) { o.sourceNoFollow = true },
	"tmpcopyup":     func(o *options) { o.copyUp = true },
}

// engineOptions tell an engine how to fill a new volume. podman passes them on after it has done
// so. They are ignored.
var engineOptions = map[string]bool{"copy": true, "nocopy": true}

// MountOptions returns the mount options that berth knows, sorted, for mountOptions of `features`.
// Any other option is passed to the file system.
func MountOptions() []string {
	var names []string
	for name := range mountFlags {
		names = append(names, name)
	}
	for name := range propagations {
		names = append(names, name)
	}
	for name := range recursiveFlags {
		names = append(names, name)
	}
	for name := range ownOptions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// parseOptions parses a mount's options. Later options win over earlier ones, as in mount(8).
func parseOptions(words []string) options {
	var o options
	for _, word := range words {
		if f, ok := mountFlags[word]; ok {
			if f.clear {
				o.flags &^= f.flag
				o.cleared |= f.flag
			} else {
				o.flags |= f.flag
				o.cleared &^= f.flag
			}
		} else if p, ok := propagations[word]; ok {
			o.propagation = append(o.propagation, p)
		} else if f, ok := recursiveFlags[word]; ok {
			if f.clear {
				o.recClear |= f.flag
				o.recSet &^= f.flag
			} else {
				o.recSet |= f.flag
				o.recClear &^= f.flag
			}
			if f.flag&unix.MOUNT_ATTR__ATIME == f.flag { // mount_setattr(2) wants all atime bits cleared
				o.recClear |= unix.MOUNT_ATTR__ATIME
			}
		} else if set, ok := ownOptions[word]; ok {
			set(&o)
		} else if engineOptions[word] {
			continue
		} else {
			o.data = append(o.data, splitData(word)...)
		}
	}
	return o
}

// splitData splits a file system's options as the kernel splits the data of mount(2): at commas,
// except inside the quotes of security labels.
func splitData(data string) []Param {
	var params []Param
	for len(data) > 0 {
		var one string
		if key, rest, ok := strings.Cut(data, `="`); ok && isLabelKey(key) {
			value, after, _ := strings.Cut(rest, `"`)
			params = append(params, Param{Key: key, Value: value})
			data = strings.TrimPrefix(after, ",")
			continue
		}
		one, data, _ = strings.Cut(data, ",")
		if one == "" {
			continue
		}
		key, value, ok := strings.Cut(one, "=")
		if key == "" {
			continue
		}
		params = append(params, Param{Key: key, Value: value, Flag: !ok})
	}
	return params
}

func isLabelKey(key string) bool {
	switch key {
	case "context", "fscontext", "defcontext", "rootcontext":
		return true
	}
	return false
}

// superblockParams converts the rest of mount(2)'s flags, which belong to the file system itself,
// to parameters of fsconfig(2).
func superblockParams(flags uint64) []Param {
	var params []Param
	for _, f := range []struct {
		ms   uint64
		name string
	}{
		{unix.MS_RDONLY, "ro"},
		{unix.MS_SYNCHRONOUS, "sync"},
		{unix.MS_DIRSYNC, "dirsync"},
		{unix.MS_MANDLOCK, "mand"},
		{unix.MS_LAZYTIME, "lazytime"},
	} {
		if flags&f.ms != 0 {
			params = append(params, Param{Key: f.name, Flag: true})
		}
	}
	return params
}
