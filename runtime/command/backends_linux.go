package command

import (
	"os"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go/features"
	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/crun"
	"github.com/berth-oci/berth/backends/enclosing"
	"github.com/berth-oci/berth/backends/lxc"
	"github.com/berth-oci/berth/backends/pct"
	"github.com/berth-oci/berth/runtime"
)

// makers returns berth's own backends of this build.
func makers(s *settings) []runtime.Maker {
	return append([]runtime.Maker{
		{Name: "lxc", Make: func() (backends.Backend, error) { return newLXC(s), keepDescriptors() }},
		{Name: "pct", Make: func() (backends.Backend, error) { return newPct(s), keepDescriptors() }},
	}, further...)
}

// delegateNames are the names of the runtimes to which this build can delegate containers.
var delegateNames = []string{crun.Crun, crun.Runc}

// delegates returns the runtimes of delegateNames.
func delegates(s *settings) []*crun.Backend {
	return []*crun.Backend{newCrun(s, crun.Crun), newCrun(s, crun.Runc)}
}

func newLXC(s *settings) backends.Backend {
	if path := s.known().LXC.Path; path != "" {
		os.Setenv("PATH", path+":"+os.Getenv("PATH"))
	}
	return lxc.New()
}

func newPct(s *settings) backends.Backend { return pct.New(pctSettings(s)) }

func pctSettings(s *settings) pct.Settings {
	c := s.known().Pct
	return pct.Settings{
		Path:      c.Path,
		FirstVMID: c.VMIDs.First(), LastVMID: c.VMIDs.Last(),
		Pool: c.Pool, Tags: c.Tags, Storage: c.Storage,
		Network: pct.Network{
			Bridge: c.Network.Bridge, Tag: c.Network.Tag, Firewall: c.Network.Firewall, Rate: c.Network.Rate,
			IP: c.Network.IP, Gateway: c.Network.Gateway, IP6: c.Network.IP6, Gateway6: c.Network.Gateway6,
		},
		LXCFS: c.LXCFS, Lines: c.Lines,
		CgroupsPath: c.CgroupsPath,
		Timeout:     time.Duration(c.Timeout) * time.Second,
		QuorumWait:  time.Duration(c.QuorumWait) * time.Second,
	}
}

func newCrun(s *settings, name string) *crun.Backend {
	return crun.New(name, crun.Settings{
		Runtime: func() string {
			if name == crun.Runc {
				return s.known().Runc.Runtime
			}
			return s.known().Crun.Runtime
		},
		Globals: crun.Globals{
			Debug: s.Bool("debug"), Log: s.String("log"), LogFormat: given(s.Context, "log-format"),
			SystemdCgroup: s.Bool("systemd-cgroup"), CgroupManager: s.String("cgroup-manager"), Rootless: given(s.Context, "rootless"),
		},
		Environ: environ,
	})
}

// given returns the value of a flag that the caller has set, or "" if it is not set.
func given(c *cli.Context, name string) string {
	if !c.IsSet(name) {
		return ""
	}
	return c.String(name)
}

// defaultBackend returns the best backend of the host.
func defaultBackend() string {
	if pct.OnProxmox() {
		return "pct"
	}
	return "lxc"
}

// backendFeatures returns the features of berth's own backends.
func backendFeatures() *features.Features { return enclosing.Features() }

func diagnoseSockets() func() backends.Finding { return enclosing.DiagnoseSockets }
