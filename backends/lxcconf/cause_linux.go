package lxcconf

import (
	"os"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/spec"
)

// Cause returns why LXC could not start a container, as far as the host itself shows it: LXC is too
// old, or the kernel makes no namespace of a type. It returns nil if neither is so. It is for the
// error after a start has failed, because it takes time.
func Cause(j *enclosure.Job) error {
	if _, err := Version(); err != nil {
		return err
	}
	return noNamespace(j, namespaceLimits)
}

// namespaceLimits is the directory with the limits on the number of namespaces (namespaces(7)).
const namespaceLimits = "/proc/sys/user"

// noNamespace returns an error for a namespace that LXC has to create although the limit in dir is
// 0.
func noNamespace(j *enclosure.Job, dir string) error {
	types := append(created(j), specs.MountNamespace)
	for _, t := range types {
		name := namespace.Files[t]
		limit, err := os.ReadFile(filepath.Join(dir, "max_"+name+"_namespaces"))
		if err == nil && strings.TrimSpace(string(limit)) == "0" {
			return spec.Fieldf(namespace.Field(j.Spec, t),
				"this host's limit user.max_%s_namespaces is 0: raise it with sysctl", name)
		}
	}
	return nil
}
