package pct

import (
	"slices"
	"strings"
	"testing"
)

// split splits a value as LXC does: it removes the outer quotes (parse_line in confile.c), then
// splits the words (lxc_string_split_quoted in string_utils.c).
func split(value string) []string {
	value = strings.TrimSpace(value)
	if n := len(value); n > 1 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		value = value[1 : n-1]
	}
	var words []string
	state, begin := byte(' '), 0
	for i := range len(value) {
		c := value[i]
		blank := strings.IndexByte(" \t", c) >= 0
		switch {
		case state == ' ' && blank:
		case state == ' ' && (c == '"' || c == '\''):
			state, begin = c, i+1
		case state == ' ':
			state, begin = 'a', i
		case state == 'a' && blank, state != 'a' && c == state:
			words, state = append(words, value[begin:i]), ' '
		}
	}
	if state == 'a' {
		words = append(words, value[begin:])
	}
	return words
}

func TestInitCommandIsReadBack(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"/bin/sh"}, {"/bin/sh", "-c", "echo a b"}, {"sh", "-c", `echo "a  b"`}, {"sh", "-c", "echo it's"},
		{"/my program"}, {"/my program", "a b"}, {"/my program", "it's so"}, {"a", ""}, {"a", "", "b c"},
		{"a", `x"y'z`}, {"a", `"`}, {"a", "'"}, {"'a'", "'b'"}, {"a\tb", "c"}, {"a", "$HOME#;\\n"},
	} {
		text, ps := initCommand(args)
		if err := ps.Err(); err != nil {
			t.Errorf("%q: %v", args, err)
		} else if got := split(text); !slices.Equal(got, args) {
			t.Errorf("%q becomes %s, read as %q", args, text, got)
		}
	}
	for _, arg := range []string{"two\nlines", "a \"b\" 'c'", "\x1b", "\x7f"} {
		if _, ps := initCommand([]string{"sh", "-c", arg}); ps.Err() == nil || !strings.Contains(ps.Err().Error(), "process.args[2]") {
			t.Errorf("%q: %v", arg, ps.Err())
		}
	}
}
