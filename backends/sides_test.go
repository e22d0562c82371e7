package backends

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSides checks that the names of files tell the truth. Code in host_ files runs on the host.
// Code in inside_ files runs in the container, among files and processes that it controls. All other
// files are for both. So a package must compile from the latter alone, and with either side added:
// whatever is undefined then is of the other side.
func TestSides(t *testing.T) {
	t.Parallel()
	linux := build.Default
	linux.GOOS = "linux"
	for _, dir := range []string{"initproc", "process", "rootfs"} {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			names, err := filepath.Glob(filepath.Join(dir, "*.go"))
			if err != nil {
				t.Fatal(err)
			}
			set := token.NewFileSet()
			files := map[string][]*ast.File{} // by prefix
			declared := map[string]bool{}     // functions and methods
			for _, name := range names {
				base := filepath.Base(name)
				if match, err := linux.MatchFile(dir, base); err != nil || !match || strings.HasSuffix(name, "_test.go") {
					continue
				}
				file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range file.Decls {
					if f, ok := d.(*ast.FuncDecl); ok {
						declared[f.Name.Name] = true
					}
				}
				prefix, _, _ := strings.Cut(base, "_")
				if prefix != "host" && prefix != "inside" {
					prefix = ""
				}
				files[prefix] = append(files[prefix], file)
			}
			for _, side := range []string{"", "host", "inside"} {
				if len(files[side]) == 0 {
					t.Errorf("no files for the side %q", side)
				}
				list := files[""]
				if side != "" {
					list = append(list[:len(list):len(list)], files[side]...)
				}
				// Other packages are empty, so that what they declare is undefined, too.
				c := types.Config{Importer: empty{}, Error: func(err error) {
					missing := undefined.FindStringSubmatch(err.(types.Error).Msg)
					if missing != nil && (missing[1] != "" || declared[missing[2]]) {
						t.Errorf("from the side %q: %v", side, err)
					}
				}}
				_, _ = c.Check(dir, set, list, nil)
			}
		})
	}
}

var undefined = regexp.MustCompile(`^undefined: (\w+)$|has no field or method (\w+)`)

// empty imports packages without content.
type empty struct{}

func (empty) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, filepath.Base(path))
	p.MarkComplete()
	return p, nil
}
