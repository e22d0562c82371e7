package backends

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// importers are the packages in this directory that only some others in it may import, with all
// packages below them: no backend knows another one, and only two know LXC's configuration.
var importers = map[string][]string{
	"crun":    nil,
	"jail":    nil,
	"lxc":     nil,
	"pct":     nil,
	"lxcconf": {"lxc", "pct"},
}

// TestImports checks that imports point down the list of packages in docs/architecture.md: only
// importers import what is limited to them, and nothing here imports what calls backends.
func TestImports(t *testing.T) {
	t.Parallel()
	const repository = "github.com/berth-oci/berth/"
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return err
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		from, _, _ := strings.Cut(file, "/")
		for _, i := range tree.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if strings.HasPrefix(path, repository+"runtime") || strings.HasPrefix(path, repository+"bundle") {
				t.Errorf("%s imports %s, which is above it", file, path)
			}
			inside, is := strings.CutPrefix(path, repository+"backends/")
			to, _, _ := strings.Cut(inside, "/")
			allowed, limited := importers[to]
			if is && limited && from != to && !slices.Contains(allowed, from) {
				t.Errorf("%s imports %s, which is for %q", file, path, allowed)
			}
			seen[from+" imports "+to] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for to, list := range importers {
		if info, err := os.Stat(to); err != nil || !info.IsDir() {
			t.Errorf("the rule for %s is out of date: %v", to, err)
		}
		for _, from := range list {
			if !seen[from+" imports "+to] {
				t.Errorf("%s does not import %s: the rule is out of date", from, to)
			}
		}
	}
}
