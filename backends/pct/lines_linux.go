package pct

import (
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/lxcconf"
	"github.com/berth-oci/berth/spec"
)

// addLines adds the administrator's lines. Lines about the network are added only if LXC makes the
// network namespace. In any other namespace they would change the host's or an engine's network.
func (e *Enclosure) addLines(c *lxcconf.Config, s *specs.Spec) {
	_, network := spec.Namespace(s, specs.NetworkNamespace)
	for _, line := range e.settings.Lines {
		key, value, _ := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		ofNetwork := strings.HasPrefix(key, "lxc.net.") || strings.HasPrefix(key, "lxc.sysctl.")
		if !ofNetwork || network == spec.New {
			c.Set(key, value)
		}
	}
}
