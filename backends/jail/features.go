package jail

import "github.com/opencontainers/runtime-spec/specs-go/features"

// Features returns the features of this backend (features.md of the OCI runtime specification,
// which has no section for FreeBSD).
func Features() *features.Features {
	return &features.Features{
		MountOptions: MountOptions(),
		// These annotations give a container permissions, a parent jail and access to the host's
		// network.
		PotentiallyUnsafeConfigAnnotations: []string{annotationParent, annotationPrefix, "io.github.berth-oci."},
	}
}
