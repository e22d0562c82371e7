package spec

import specs "github.com/opencontainers/runtime-spec/specs-go"

// NamespaceKind says where a container's namespace of a type comes from.
type NamespaceKind int

const (
	// Host is the runtime's own namespace: the type is not listed.
	Host NamespaceKind = iota
	// New is a namespace made for the container.
	New
	// Path is an existing namespace, joined by its file.
	Path
)

// String returns "host", "new" or "path".
func (k NamespaceKind) String() string {
	return [...]string{"host", "new", "path"}[k]
}

// Namespace returns what s says of the namespaces of type t; path is the file
// to join if kind is Path, else empty.
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
