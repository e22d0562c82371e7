package jail

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/jail/tools"
	"github.com/berth-oci/berth/spec"
)

// mount is one of mounts in FreeBSD's terms.
type mount struct {
	// Path is its JSON path.
	Path string
	// Kind is the file system, Source what mount(8) is told as such; a host's
	// absolute path for nullfs.
	Kind, Source string
	// Target is the destination as the config has it.
	Target string
	// Options are those for mount -o.
	Options []string
	// Ruleset is the devfs ruleset that hides what the jail is not to see, "" if
	// there is none. Rules are further rules for devfs, each in words.
	Ruleset string
	Rules   []rule
	// CopyUp fills a tmpfs with what it hides.
	CopyUp bool
}

// rule is one of devfs(8), and its JSON path.
type rule struct {
	Path  string
	Words []string
}

// check is the command that shows the ruleset, nil if there is none to be looked at.
func (m *mount) check() tools.Command {
	if m.Ruleset == "" {
		return nil
	}
	return tools.ShowRules(m.Ruleset)
}

// command mounts it on a directory or file of the host's.
func (m *mount) command(target string) tools.Command {
	return tools.Mount(m.Kind, m.Options, m.Source, target)
}

// command applies the rule to a mount.
func (r *rule) command(target string) tools.Command { return tools.ApplyRule(target, r.Words...) }

// kinds are the file systems that can be mounted, and what mount(8) is told for a
// source where the config has none. The values are those of fstab(5) examples in
// their manual pages.
var kinds = map[string]string{
	"nullfs": "", "tmpfs": "tmpfs", "devfs": "devfs", "fdescfs": "fdescfs",
	"procfs": "proc", "linprocfs": "linprocfs", "linsysfs": "linsysfs",
}

// mountsOf reads the mounts of a valid config, and freebsd.devices, which are
// rules for the devfs at /dev.
func mountsOf(s *specs.Spec, bundle string) ([]mount, spec.Problems) {
	r := &mountReader{bundle: bundle}
	for i := range s.Mounts {
		r.mounts = append(r.mounts, r.mount(fmt.Sprintf("mounts[%d]", i), &s.Mounts[i]))
	}
	if s.FreeBSD != nil && len(s.FreeBSD.Devices) > 0 {
		r.devices(s.FreeBSD.Devices)
	}
	return r.mounts, r.problems
}

type mountReader struct {
	bundle   string
	mounts   []mount
	problems spec.Problems
}

func (r *mountReader) refuse(path, format string, args ...any) {
	r.problems = append(r.problems, spec.Problem{Path: path, Level: spec.Error, Message: fmt.Sprintf(format, args...)})
}

func (r *mountReader) mount(at string, m *specs.Mount) mount {
	out := mount{Path: at, Kind: kindOf(m), Source: m.Source, Target: m.Destination}
	own, ok := kinds[out.Kind]
	switch {
	case !ok:
		r.refuse(at+".type", "the file system %q is not supported by this backend", out.Kind)
		return out
	case out.Kind == "nullfs":
		if m.Source == "" {
			r.refuse(at+".source", "is required for nullfs")
		} else if !filepath.IsAbs(m.Source) {
			out.Source = filepath.Join(r.bundle, m.Source)
		}
	default:
		// A name, for show.
		out.Source = own
	}
	if len(m.UIDMappings)+len(m.GIDMappings) > 0 {
		r.refuse(at+".uidMappings", "FreeBSD has no id-mapped mounts")
	}
	for i, o := range m.Options {
		r.option(fmt.Sprintf("%s.options[%d]", at, i), &out, o)
	}
	return out
}

// kindOf is the file system of a mount. A bind mount, as engines call it on
// Linux and podman does on FreeBSD as well, is nullfs; so is a mount without a
// type (ocijail).
func kindOf(m *specs.Mount) string {
	switch m.Type {
	case "", "bind", "none":
		return "nullfs"
	}
	return m.Type
}

// general are options of every file system (mount(8)).
var general = words("async noasync atime noatime exec noexec suid nosuid symfollow nosymfollow ro rw rdonly " +
	"sync union nocover cover emptydir acls noacls nfsv4acls nonfsv4acls multilabel nomultilabel")

// linuxisms are options that FreeBSD does without: nullfs does not propagate
// mounts, and devices are usable in devfs alone.
var linuxisms = words("bind rbind private rprivate shared rshared slave rslave unbindable runbindable nodev dev " +
	"relatime norelatime diratime nodiratime strictatime nostrictatime defaults")

// special are the file systems' own options; true says that there is a value.
var special = map[string]map[string]bool{
	"nullfs":    {"cache": false, "nocache": false, "nounixbypass": false, "unixbypass": false},
	"tmpfs":     {"size": true, "mode": true, "uid": true, "gid": true, "inodes": true, "maxfilesize": true, "easize": true, "export": false, "nonc": false, "pgread": false},
	"fdescfs":   {"linrdlnk": false, "rdlnk": false, "nodup": false},
	"linprocfs": {}, "linsysfs": {}, "procfs": {},
	"devfs": {},
}

// MountOptions are all that some file system takes (features.md).
func MountOptions() []string {
	all := maps.Clone(general)
	maps.Copy(all, linuxisms)
	for _, own := range special {
		for name := range own {
			all[name] = true
		}
	}
	for _, name := range []string{"tmpcopyup", "ruleset", "rule"} {
		all[name] = true
	}
	return slices.Sorted(maps.Keys(all))
}

func words(list string) map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		out[w] = true
	}
	return out
}

// option takes one option. It goes to mount(8) in a list with commas, so that a
// value must not hold one.
func (r *mountReader) option(at string, m *mount, text string) {
	key, value, valued := strings.Cut(text, "=")
	own, known := special[m.Kind][key]
	switch {
	case m.Kind == "devfs" && key == "ruleset" && valued:
		if !number(value) {
			r.refuse(at, "ruleset must be a number")
			return
		}
		m.Ruleset = value
		m.Options = append(m.Options, text)
	case m.Kind == "devfs" && key == "rule" && valued:
		r.rule(at, m, strings.Fields(value))
	case m.Kind == "tmpfs" && text == "tmpcopyup":
		m.CopyUp = true
	case strings.ContainsAny(text, ", \t\n\\\"'"):
		r.refuse(at, "must be one option, without commas, blanks and quotes")
	case !valued && (general[key] || known && !own):
		m.Options = append(m.Options, text)
	case valued && known && own && value != "" && !strings.Contains(value, "%"):
		m.Options = append(m.Options, text)
	case !valued && linuxisms[key]:
	default:
		r.refuse(at, "%q is not an option of %s on FreeBSD", text, m.Kind)
	}
}

func number(text string) bool {
	return text != "" && len(text) < 6 && strings.Trim(text, "0123456789") == ""
}

// rule takes a rule of devfs(8): conditions, and what is to be done.
func (r *mountReader) rule(at string, m *mount, words []string) {
	const safe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./*?[]+=,-:@{}"
	for i, w := range words {
		if w[0] == '-' || i > 0 && len(w) > 255 || strings.Trim(w, safe) != "" {
			r.refuse(at, "%q is not a word of a devfs rule", w)
			return
		}
	}
	if len(words) < 2 {
		r.refuse(at, "a devfs rule has conditions and actions, such as path null unhide")
		return
	}
	m.Rules = append(m.Rules, rule{at, words})
}

// devices unhides devices in the devfs at /dev, with the directories that they
// are in.
func (r *mountReader) devices(list []specs.FreeBSDDevice) {
	var dev *mount
	for i := range r.mounts {
		if m := &r.mounts[i]; m.Kind == "devfs" && path.Clean(m.Target) == "/dev" {
			dev = m
		}
	}
	if dev == nil {
		r.refuse("freebsd.devices", "need a devfs mounted at /dev")
		return
	}
	for i, d := range list {
		origin := fmt.Sprintf("freebsd.devices[%d]", i)
		if strings.ContainsAny(d.Path, "*?[]{}\\ \t") {
			r.refuse(origin+".path", "must name one device, without wildcards")
			continue
		}
		for at, c := range d.Path {
			if c == '/' {
				dev.Rules = append(dev.Rules, rule{origin, []string{"path", d.Path[:at], "unhide"}})
			}
		}
		words := []string{"path", d.Path, "unhide"}
		if d.Mode != nil {
			words = append(words, "mode", fmt.Sprintf("%04o", *d.Mode))
		}
		dev.Rules = append(dev.Rules, rule{origin, words})
	}
}
