package backends

// Tool is something that a backend works with: a program, the kernel.
type Tool struct {
	Name string `json:"name"`
	// Path is a program's.
	Path string `json:"path,omitempty"`
	// Version is empty if it could not be found out.
	Version string `json:"version,omitempty"`
}

func (t Tool) String() string {
	s := t.Name
	if t.Version != "" {
		s += " " + t.Version
	}
	if t.Path != "" {
		s += " (" + t.Path + ")"
	}
	return s
}

// Equipped is a Backend that can name its tools. The error says which is
// missing or cannot be worked with; the tools that there are come with it.
type Versioner interface {
	Versions() ([]Tool, error)
}
