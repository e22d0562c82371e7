package pct

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// annotationPrefix is of the annotations that are for this backend.
const annotationPrefix = "io.github.berth-oci.pct."

// checkAnnotations refuses what a container has no say in, such as lines of LXC's
// configuration, and what is misspelt: neither is to pass in silence.
func checkAnnotations(s *specs.Spec) spec.Problems {
	var ps spec.Problems
	for _, key := range slices.Sorted(maps.Keys(s.Annotations)) {
		if strings.HasPrefix(key, annotationPrefix) && !slices.Contains([]string{NetAnnotation, IPAnnotation, LXCFSAnnotation}, key) {
			ps = append(ps, annotationProblem(key, "there is no such annotation; what else there is to set is the administrator's, in [pct] of the configuration"))
		}
	}
	return ps
}

// annotationProblem is the problem of an annotation.
func annotationProblem(key, format string, args ...any) spec.Problem {
	return spec.Problem{Path: fmt.Sprintf("annotations[%q]", key), Level: spec.Error, Message: fmt.Sprintf(format, args...)}
}
