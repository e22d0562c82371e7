package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The platforms that Check knows, as in runtime.GOOS.
const (
	Linux   = "linux"
	FreeBSD = "freebsd"
)

// Check applies the rules in the text of the specification to a config, for the platform Linux or
// FreeBSD and the config's ociVersion. It looks at nothing outside the config: create finds out
// whether files exist and whether the kernel supports a feature. Only Parse warns about missing
// properties, because a Spec does not distinguish 0 from absent.
func Check(s *specs.Spec, platform string) Problems {
	c := &checker{s: s, platform: platform}
	c.version()
	c.platforms()
	c.root()
	c.process(s.Process)
	c.names()
	c.mounts()
	c.hooks()
	c.annotations()
	switch {
	case platform == Linux && s.Linux != nil:
		c.linux(s.Linux)
	case platform == FreeBSD && s.FreeBSD != nil:
		c.freebsd(s.FreeBSD)
	}
	c.nul(s)
	return c.ps
}

// CheckProcess applies only the rules for process. Exec calls it.
func CheckProcess(p *specs.Process, platform string) Problems {
	s := &specs.Spec{Process: p}
	c := &checker{s: s, platform: platform}
	c.process(p)
	c.nul(s)
	return c.ps
}

// CheckResources applies only the rules for linux.resources. Update calls it.
func CheckResources(r *specs.LinuxResources) Problems {
	s := &specs.Spec{Linux: &specs.Linux{Resources: r}}
	c := &checker{s: s, platform: Linux, update: true}
	c.resources(r)
	c.nul(s)
	return c.ps
}

// checker collects the problems of one config.
type checker struct {
	s        *specs.Spec
	platform string
	update   bool // the config holds only the resources to change
	ps       Problems
}

func (c *checker) errorf(path, format string, args ...any) { c.report(Error, path, format, args) }

func (c *checker) warnf(path, format string, args ...any) { c.report(Warning, path, format, args) }

// ignoref adds a Warning with Ignored set, for a setting that has no effect.
func (c *checker) ignoref(path, format string, args ...any) {
	before := len(c.ps)
	c.warnf(path, format, args...)
	if len(c.ps) > before {
		c.ps[before].Ignored = true
	}
}

func (c *checker) report(l Level, path, format string, args []any) {
	if len(c.ps) <= maxProblems {
		c.ps.add(Problem{Path: path, Level: l, Message: fmt.Sprintf(format, args...), Ref: refOf(path)})
	}
}

// at returns the path of element i of an array.
func at(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// oneOf returns true if value is one of those allowed. Otherwise it adds an Error and returns
// false.
func oneOf[T ~string](c *checker, path string, value T, allowed ...T) bool {
	if slices.Contains(allowed, value) {
		return true
	}
	words := make([]string, len(allowed))
	for i, a := range allowed {
		words[i] = string(a)
	}
	if value == "" {
		c.errorf(path, "is required and must be one of %s", strings.Join(words, ", "))
	} else {
		c.errorf(path, "must be one of %s, not %s", strings.Join(words, ", "), quote(string(value)))
	}
	return false
}

// absolute returns true if value begins with a slash. Otherwise it adds an Error and returns false.
func (c *checker) absolute(path, value string) bool {
	switch {
	case value == "":
		c.errorf(path, "is required and must be an absolute path")
	case value[0] != '/':
		c.errorf(path, "must be an absolute path, not %s", quote(value))
	default:
		return true
	}
	return false
}

// printable returns true if value has no control characters. Otherwise it adds an Error and returns
// false. No valid name has control characters, and a newline could start another line in a file
// that berth writes.
func (c *checker) printable(path, value string) bool {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		c.errorf(path, "must not contain control characters: %s", quote(value))
		return false
	}
	return true
}

// platforms warns of the objects for other platforms, which are ignored.
func (c *checker) platforms() {
	for _, p := range []struct {
		name    string
		present bool
	}{
		{Linux, c.s.Linux != nil}, {FreeBSD, c.s.FreeBSD != nil}, {"solaris", c.s.Solaris != nil},
		{"windows", c.s.Windows != nil}, {"vm", c.s.VM != nil}, {"zos", c.s.ZOS != nil},
	} {
		if p.present && p.name != c.platform {
			c.warnf(p.name, "is ignored on %s", c.platform)
		}
	}
}

func (c *checker) root() {
	switch {
	case c.s.Root == nil:
		c.errorf("root", "root must be specified")
	case c.s.Root.Path == "":
		c.errorf("root.path", "is required: the directory of the root file system, absolute or relative to the bundle")
	}
}

// annotations checks config.md#annotations.
func (c *checker) annotations() {
	if _, ok := c.s.Annotations[""]; ok {
		c.errorf("annotations", "keys must not be empty")
	}
}
