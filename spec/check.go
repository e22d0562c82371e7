package spec

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The platforms that Check knows; they are the names of runtime.GOOS.
const (
	Linux   = "linux"
	FreeBSD = "freebsd"
)

// Check applies the rules of the specification's text to a config, for the
// platform Linux or FreeBSD and the config's ociVersion. It looks at nothing
// outside of the config: whether files exist and the kernel can do a thing is
// for create to find out.
func Check(s *specs.Spec, platform string) Problems {
	c := &checker{s: s, platform: platform}
	c.all()
	return c.ps
}

// CheckProcess applies the rules of process alone, as exec needs them.
func CheckProcess(p *specs.Process, platform string) Problems {
	c := &checker{s: &specs.Spec{Process: p}, platform: platform}
	c.process(p)
	return c.ps
}

// CheckResources applies the rules of linux.resources alone, as update needs
// them.
func CheckResources(r *specs.LinuxResources) Problems {
	c := &checker{s: &specs.Spec{Linux: &specs.Linux{Resources: r}}, platform: Linux}
	c.resources(r)
	return c.ps
}

// checker collects the problems of one config.
type checker struct {
	s        *specs.Spec
	platform string
	ps       Problems
}

func (c *checker) errorf(path, format string, args ...any) {
	c.ps.add(Problem{Path: path, Level: Error, Message: fmt.Sprintf(format, args...), Ref: refOf(path)})
}

func (c *checker) warnf(path, format string, args ...any) {
	c.ps.add(Problem{Path: path, Level: Warning, Message: fmt.Sprintf(format, args...), Ref: refOf(path)})
}

// at returns the path of an array's element.
func at(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

func (c *checker) all() {
	c.process(c.s.Process)
}

func (c *checker) process(p *specs.Process)          {}
func (c *checker) resources(r *specs.LinuxResources) {}
