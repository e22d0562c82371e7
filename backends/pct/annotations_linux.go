package pct

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// annotationPrefix begins the annotations for this backend.
const annotationPrefix = "io.github.berth-oci.pct."

// checkAnnotations returns a problem for each annotation with annotationPrefix that is not known: a
// misspelt one, or one for a setting that is not the container's to choose, such as a line of LXC's
// configuration.
func checkAnnotations(s *specs.Spec) spec.Problems {
	var ps spec.Problems
	for _, key := range slices.Sorted(maps.Keys(s.Annotations)) {
		if strings.HasPrefix(key, annotationPrefix) && !slices.Contains([]string{NetAnnotation, IPAnnotation, LXCFSAnnotation}, key) {
			ps = append(ps, annotationProblem(key, "there is no such annotation: other settings are the administrator's, in the section pct of berth's configuration"))
		}
	}
	return ps
}

// annotationProblem returns an error-level problem of the annotation key.
func annotationProblem(key, format string, args ...any) spec.Problem {
	return spec.Problem{Path: fmt.Sprintf("annotations[%q]", key), Level: spec.Error, Message: fmt.Sprintf(format, args...)}
}
