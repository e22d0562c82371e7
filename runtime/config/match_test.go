package config

import "testing"

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"a", "a", true}, {"a", "ab", false}, {"ab", "a", false}, {"a", "A", false},
		{"*", "", true}, {"*", "a/b\nc", true}, {"a*", "a", true}, {"a*", "ba", false}, {"*a", "ba", true}, {"*a", "ab", false},
		{"a*c", "abbc", true}, {"a*c", "acb", false}, {"a*b*c", "a-b-b-c", true}, {"a*b*c", "a-c-b", false}, {"**a", "xa", true},
		{"?", "a", true}, {"?", "", false}, {"?", "ab", false}, {"a?c", "abc", true}, {"?*", "", false}, {"*?", "ab", true},
		{`\*`, "*", true}, {`\*`, "a", false}, {`a\?`, "a?", true}, {`a\?`, "ab", false}, {`\\`, `\`, true}, {`\`, `\`, true},
		{`*\*`, "ab*", true}, {`*\*`, "ab", false}, {"[a]", "a", false}, {"[a]", "[a]", true},
	} {
		if got := Match(c.pattern, c.text); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.pattern, c.text, got)
		}
	}
}
