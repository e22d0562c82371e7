package layer

import (
	"path"
	"strings"
)

// maxDepth is the largest depth of a path. Each component of the current directory takes an open
// descriptor.
const maxDepth = 512

// clean checks the name of an entry and makes it relative to the root. "." is the root itself. An
// absolute name counts from the root, as in every engine. A name with ".." is refused, because its
// only use is to lead out of the root.
func clean(name string) (string, error) {
	depth := 0
	for part := range strings.SplitSeq(name, "/") {
		switch part {
		case "..":
			return "", hostile(`its path has a component ".."`)
		case "", ".":
		default:
			depth++
		}
	}
	if depth > maxDepth {
		return "", hostile("its path has more than %d components", maxDepth)
	}
	return path.Clean("./" + strings.TrimLeft(name, "/")), nil
}

// The names of whiteouts (layer.md#whiteouts).
const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
	// whiteoutMeta is the prefix of the names that AUFS uses internally.
	whiteoutMeta = ".wh..wh."
)
