package jail

import "github.com/opencontainers/runtime-spec/specs-go/features"

// Features are what this backend honours (features.md of the runtime
// specification, which has no section for FreeBSD).
func Features() *features.Features {
	return &features.Features{
		MountOptions: MountOptions(),
		// By them a container gets permissions, a parent and its place in the
		// host's network.
		PotentiallyUnsafeConfigAnnotations: []string{annotationParent, annotationPrefix, "io.github.berth-oci."},
	}
}
