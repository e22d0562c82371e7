package backends

import (
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Explaining is a Backend that can explain what Create would do.
type Explaining interface {
	// Explain works out what Create would do with a valid config that Check accepts. It uses the
	// code that Create runs, but changes nothing. Values that are known only when Create runs stand
	// in braces, such as {pid}.
	Explain(c *Container, s *specs.Spec, o CreateOptions) (Explanation, error)
}

// Explanation is what Create would do, in order.
type Explanation []Section

// Section is a group of lines of one kind, such as the lines of a file, the mounts, or commands.
type Section struct {
	Title string `json:"title"`
	Lines []Line `json:"lines"`
}

// Line is one step, or one line of a file.
type Line struct {
	Text string `json:"text"`
	// From is the JSON path of the field that the line comes from. It is empty if the line comes
	// from no field.
	From string `json:"from,omitempty"`
}

// Add appends a section, unless it has no lines.
func (e *Explanation) Add(title string, lines ...Line) {
	if len(lines) > 0 {
		*e = append(*e, Section{title, lines})
	}
}

// CommandLine returns the words of a command as a shell would read them.
func CommandLine(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = shellWord(w)
	}
	return strings.Join(quoted, " ")
}

// shellWord quotes a word for sh(1) if it needs quotes.
func shellWord(w string) string {
	for _, r := range w {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("/_+.,:=@%-{}", r):
		default:
			return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	if w == "" {
		return "''"
	}
	return w
}
