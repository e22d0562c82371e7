package spec

import specs "github.com/opencontainers/runtime-spec/specs-go"

// NamespaceKind is the origin of a container's namespace.
type NamespaceKind int

const (
	// Host is the runtime's own namespace: linux.namespaces does not list the type.
	Host NamespaceKind = iota
	// New is a namespace created for the container.
	New
	// Path is an existing namespace that the container joins by a path.
	Path
)

// String returns "host", "new" or "path".
func (k NamespaceKind) String() string {
	return [...]string{"host", "new", "path"}[k]
}

// Namespace returns the kind of the namespace of type t in s. If kind is Path, path is the file to
// join, otherwise it is empty.
func Namespace(s *specs.Spec, t specs.LinuxNamespaceType) (path string, kind NamespaceKind) {
	if s.Linux == nil {
		return "", Host
	}
	for _, ns := range s.Linux.Namespaces {
		switch {
		case ns.Type != t:
		case ns.Path != "":
			return ns.Path, Path
		default:
			return "", New
		}
	}
	return "", Host
}
