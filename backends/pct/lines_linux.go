package pct

import (
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/lxcconf"
	"github.com/berth-oci/berth/spec"
)

// addLines adds the administrator's lines.
func (e *Enclosure) addLines(c *lxcconf.Config, s *specs.Spec) {
	for _, line := range e.lines(s) {
		key, value := cutLine(line)
		c.Set(key, value)
	}
}

// lines returns those of the administrator's lines that are for a container. Lines about the network
// are only for one whose network namespace LXC makes. In any other namespace they would change the
// host's or an engine's network.
func (e *Enclosure) lines(s *specs.Spec) []string {
	_, network := spec.Namespace(s, specs.NetworkNamespace)
	var list []string
	for _, line := range e.settings.Lines {
		key, _ := cutLine(line)
		ofNetwork := strings.HasPrefix(key, "lxc.net.") || strings.HasPrefix(key, "lxc.sysctl.")
		if !ofNetwork || network == spec.New {
			list = append(list, line)
		}
	}
	return list
}

func cutLine(line string) (key, value string) {
	key, value, _ = strings.Cut(line, "=")
	return strings.TrimSpace(key), strings.TrimSpace(value)
}
