package command

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// TestHelp checks that each command has a heading, and that the version says what berth was built
// with.
func TestHelp(t *testing.T) {
	app := App()
	for _, c := range app.Commands {
		if c.Category == "" {
			t.Errorf("%s stands below no heading", c.Name)
		}
	}
	var out bytes.Buffer
	app.Writer = &out
	if err := app.Run([]string{"berth", "--help"}); err != nil {
		t.Fatal(err)
	}
	for _, heading := range []string{"Bundles:", "Containers:", "Host:"} {
		if !strings.Contains(out.String(), "\n   "+heading+"\n") {
			t.Errorf("no %q in %s", heading, out.String())
		}
	}
	if !regexp.MustCompile(`(?s)\nspec: 1\.\d+\.\d+\ngo: go1\.\d+`).MatchString(version()) {
		t.Errorf("version: %s", version())
	}
}
