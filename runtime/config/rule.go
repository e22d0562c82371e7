package config

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// Rule gives a backend to the containers that match all of its conditions. Conditions on text are
// patterns (see Match).
type Rule struct {
	// Backend is the backend that the rule gives.
	Backend string `toml:"backend"`

	// Annotations match if the container has each key with a value that matches.
	Annotations map[string]string `toml:"annotations,omitempty"`
	// ID matches the container's id, Bundle the absolute path of its bundle, without symbolic
	// links.
	ID     string `toml:"id,omitempty"`
	Bundle string `toml:"bundle,omitempty"`
	// Namespace and Pod match the pod's namespace and name in Kubernetes, which containerd and
	// CRI-O pass as annotations.
	Namespace string `toml:"namespace,omitempty"`
	Pod       string `toml:"pod,omitempty"`
	// Privileged matches privileged containers if it is true, and all others if it is false
	// (spec.Privileged).
	Privileged *bool `toml:"privileged,omitempty"`
}

// empty is true if a rule has no condition.
func (r *Rule) empty() bool {
	return len(r.Annotations) == 0 && r.ID == "" && r.Bundle == "" && r.Namespace == "" && r.Pod == "" && r.Privileged == nil
}

// Container is what a rule looks at.
type Container struct {
	ID     string
	Bundle string
	Spec   *specs.Spec
}

// Matches is true if all conditions of the rule hold.
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

// holds is true if a condition is not set, or if it matches the text.
func holds(pattern, text string) bool { return pattern == "" || Match(pattern, text) }

// named is true if a condition is not set, or if it matches the name. A missing name matches
// nothing.
func named(pattern, name string) bool { return pattern == "" || name != "" && Match(pattern, name) }
