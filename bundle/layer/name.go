package layer

import (
	"path"
	"strings"
)

// maxDepth bounds how deep a path is. Each component of the directory that is
// worked in is an open descriptor.
const maxDepth = 512

// clean checks the name of an entry and makes it relative to the root: "." is
// the root itself. An absolute name is one in the root, as for every engine's
// unpacking; one with .. has no use but to lead out.
func clean(name string) (string, error) {
	depth := 0
	for part := range strings.SplitSeq(name, "/") {
		switch part {
		case "..":
			return "", hostile(`a path with ".."`)
		case "", ".":
		default:
			depth++
		}
	}
	if depth > maxDepth {
		return "", hostile("a path with more than %d components", maxDepth)
	}
	return path.Clean("./" + strings.TrimLeft(name, "/")), nil
}

// The names of whiteouts (layer.md#whiteouts).
const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
	// whiteoutMeta begins the names of what AUFS kept for itself.
	whiteoutMeta = ".wh..wh."
)
