package config

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// Rule gives containers that match all of its conditions a backend. Conditions
// on text are patterns (see Match).
type Rule struct {
	// Backend is what the rule gives.
	Backend string `toml:"backend"`

	// Annotations match when each key is there with a value that matches.
	Annotations map[string]string `toml:"annotations,omitempty"`
	// ID matches the container's id, Bundle the absolute path of its bundle, without symbolic links.
	ID     string `toml:"id,omitempty"`
	Bundle string `toml:"bundle,omitempty"`
	// Namespace and Pod match the names of the pod and of its namespace in
	// Kubernetes, which containerd and CRI-O annotate.
	Namespace string `toml:"namespace,omitempty"`
	Pod       string `toml:"pod,omitempty"`
	// Privileged matches containers that are, or if false those that are not
	// (spec.Privileged).
	Privileged *bool `toml:"privileged,omitempty"`
}

// empty says that a rule has no condition.
func (r *Rule) empty() bool {
	return len(r.Annotations) == 0 && r.ID == "" && r.Bundle == "" && r.Namespace == "" && r.Pod == "" && r.Privileged == nil
}

// Container is what a rule looks at.
type Container struct {
	ID     string
	Bundle string
	Spec   *specs.Spec
}

// Matches says whether all conditions of the rule hold.
func (r *Rule) Matches(c *Container) bool {
	for key, pattern := range r.Annotations {
		value, ok := c.Spec.Annotations[key]
		if !ok || !Match(pattern, value) {
			return false
		}
	}
	pod, _ := spec.PodOf(c.Spec.Annotations)
	return holds(r.ID, c.ID) && holds(r.Bundle, c.Bundle) &&
		named(r.Namespace, pod.Namespace) && named(r.Pod, pod.Name) &&
		(r.Privileged == nil || *r.Privileged == spec.Privileged(c.Spec))
}

// holds is true for a condition that is not set.
func holds(pattern, text string) bool { return pattern == "" || Match(pattern, text) }

// named is true for a condition that is not set, and never for a name that is
// not there.
func named(pattern, name string) bool { return pattern == "" || name != "" && Match(pattern, name) }
