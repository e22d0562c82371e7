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

// mount is one entry of mounts in FreeBSD's terms.
type mount struct {
	// Path is its JSON path.
	Path string
	// Kind is the file system. Source is the source argument of mount(8), for nullfs an absolute
	// path on the host.
	Kind, Source string
	// Target is the destination as written in config.json.
	Target string
	// Options are the options for mount -o.
	Options []string
	// Ruleset is the devfs ruleset that hides devices from the jail, or "". Rules are further devfs
	// rules.
	Ruleset string
	Rules   []rule
	// CopyUp fills a tmpfs with the contents of the directory that it hides.
	CopyUp bool
}

// rule is one devfs(8) rule, split into words, and its JSON path.
type rule struct {
	Path  string
	Words []string
}

// check returns the command that shows the mount's ruleset, or nil if it has none.
func (m *mount) check() tools.Command {
	if m.Ruleset == "" {
		return nil
	}
	return tools.ShowRules(m.Ruleset)
}

// command returns the command that mounts m on a directory or file of the host.
func (m *mount) command(target string) tools.Command {
	return tools.Mount(m.Kind, m.Options, m.Source, target)
}

// command returns the command that applies the rule to the devfs mounted at target.
func (r *rule) command(target string) tools.Command { return tools.ApplyRule(target, r.Words...) }

// kinds maps the supported file systems to the source that mount(8) gets for them. The values are
// those of the fstab(5) examples in their manual pages. nullfs takes its source from config.json.
var kinds = map[string]string{
	"nullfs": "", "tmpfs": "tmpfs", "devfs": "devfs", "fdescfs": "fdescfs",
	"procfs": "proc", "linprocfs": "linprocfs", "linsysfs": "linsysfs",
}

// mountsOf converts the mounts of a valid config. It adds freebsd.devices as rules to the devfs at
// /dev.
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
		r.refuse(at+".type", "the file system %q is not supported by the jail backend", out.Kind)
		return out
	case out.Kind == "nullfs":
		if m.Source == "" {
			r.refuse(at+".source", "is required for nullfs")
		} else if !filepath.IsAbs(m.Source) {
			out.Source = filepath.Join(r.bundle, m.Source)
		}
	default:
		// The source is only a label.
		out.Source = own
	}
	if len(m.UIDMappings)+len(m.GIDMappings) > 0 {
		r.refuse(at+".uidMappings", "is not supported on FreeBSD, which has no id-mapped mounts")
	}
	for i, o := range m.Options {
		r.option(fmt.Sprintf("%s.options[%d]", at, i), &out, o)
	}
	return out
}

// kindOf returns the file system of a mount. A bind mount, as engines write it on Linux and podman
// writes it on FreeBSD too, becomes nullfs. So does a mount without a type, as in ocijail.
func kindOf(m *specs.Mount) string {
	switch m.Type {
	case "", "bind", "none":
		return "nullfs"
	}
	return m.Type
}

// general lists the options that every file system takes (mount(8)).
var general = words("async noasync atime noatime exec noexec suid nosuid symfollow nosymfollow ro rw rdonly " +
	"sync union nocover cover emptydir acls noacls nfsv4acls nonfsv4acls multilabel nomultilabel")

// linuxisms lists options that are accepted and ignored: nullfs does not propagate mounts, and
// devices work only in devfs.
var linuxisms = words("bind rbind private rprivate shared rshared slave rslave unbindable runbindable nodev dev " +
	"relatime norelatime diratime nodiratime strictatime nostrictatime defaults")

// special lists the options that each file system adds. The value is true if the option takes a
// value.
var special = map[string]map[string]bool{
	"nullfs":    {"cache": false, "nocache": false, "nounixbypass": false, "unixbypass": false},
	"tmpfs":     {"size": true, "mode": true, "uid": true, "gid": true, "inodes": true, "maxfilesize": true, "easize": true, "export": false, "nonc": false, "pgread": false},
	"fdescfs":   {"linrdlnk": false, "rdlnk": false, "nodup": false},
	"linprocfs": {}, "linsysfs": {}, "procfs": {},
	"devfs": {},
}

// MountOptions returns all options that at least one file system takes (features.md), sorted.
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

// option converts one option. Options are joined with commas for mount(8), so an option must not
// contain a comma.
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
		r.refuse(at, "must be a single option without commas, blanks and quotes")
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

// rule converts a devfs(8) rule: conditions and actions.
func (r *mountReader) rule(at string, m *mount, words []string) {
	const safe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./*?[]+=,-:@{}"
	for i, w := range words {
		if w[0] == '-' || i > 0 && len(w) > 255 || strings.Trim(w, safe) != "" {
			r.refuse(at, "%q is not a valid word in a devfs rule", w)
			return
		}
	}
	if len(words) < 2 {
		r.refuse(at, "a devfs rule must have conditions and actions, such as path null unhide")
		return
	}
	m.Rules = append(m.Rules, rule{at, words})
}

// devices adds rules that unhide devices and their parent directories in the devfs at /dev.
func (r *mountReader) devices(list []specs.FreeBSDDevice) {
	var dev *mount
	for i := range r.mounts {
		if m := &r.mounts[i]; m.Kind == "devfs" && path.Clean(m.Target) == "/dev" {
			dev = m
		}
	}
	if dev == nil {
		r.refuse("freebsd.devices", "requires a devfs mounted on /dev")
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
