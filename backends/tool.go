package backends

// Tool is something that a backend works with, such as a program or the kernel.
type Tool struct {
	Name string `json:"name"`
	// Path is the path of a program. It is empty for other tools.
	Path string `json:"path,omitempty"`
	// Version is empty if it could not be determined.
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

// Versioner is a Backend that can name its tools. The error says which tool is missing or unusable.
// The tools that do exist are returned with the error.
type Versioner interface {
	Versions() ([]Tool, error)
}
