package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/berth-oci/berth/runtime/config"
)

// repository is the top of the tree, seen from this package.
const repository = "../.."

// rooms are the top directories of the repository. What begins with one of them in a document is a
// path.
var rooms = []string{"runtime/", "bundle/", "backends/", "spec/", "integration/", "docs/", ".ci/", ".deb/"}

// documents returns the Markdown files of the repository by their paths in it.
func documents(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	walk(t, func(path string) {
		if filepath.Ext(path) == ".md" {
			data, err := os.ReadFile(filepath.Join(repository, path))
			if err != nil {
				t.Fatal(err)
			}
			files[path] = string(data)
		}
	})
	if len(files) < 5 {
		t.Fatalf("only %d documents: %v", len(files), slices.Sorted(maps.Keys(files)))
	}
	return files
}

// walk calls visit for each file of the repository, except in the directories .git, build and
// testdata.
func walk(t *testing.T, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(repository, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == ".git" || name == "build" || name == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		path, err = filepath.Rel(repository, path)
		visit(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

var (
	fence   = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	link    = regexp.MustCompile(`\[[^]\n]*]\(([^)\s]+)\)`)
	code    = regexp.MustCompile("`([^`\n]+)`")
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	// source matches a file, a directory or a pattern of them, perhaps with a line.
	source = regexp.MustCompile(`^[\w./*-]+(:\d+)?$`)
	// name matches what Go code calls something in a package: the package, and one or two names.
	name = regexp.MustCompile(`^([a-z]\w*)\.(\w+(?:\.\w+)?)(?:\(\))?$`)
	// extension matches the end of a file name, which only looks like a name in a package.
	extension = regexp.MustCompile(`\.(json|toml|md|go|conf|sock|test|tar|log|d|yaml|fifo)$`)
	// other matches a key of LXC's configuration, or a JSON path that begins like a package.
	other = regexp.MustCompile(`^(lxc|process|hooks|freebsd)\.[a-z]`)
)

// TestLinks checks that every link to another document, or to a heading, leads somewhere.
func TestLinks(t *testing.T) {
	files := documents(t)
	for path, text := range files {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			to, anchor, _ := strings.Cut(m[1], "#")
			target := path
			if to != "" {
				target = filepath.Join(filepath.Dir(path), to)
			}
			if _, err := os.Stat(filepath.Join(repository, target)); err != nil {
				t.Errorf("%s: the link to %s leads nowhere: %v", path, m[1], err)
				continue
			}
			if anchor != "" && !slices.Contains(anchors(files[target]), anchor) {
				t.Errorf("%s: %s has no heading #%s", path, target, anchor)
			}
		}
	}
}

// anchors returns the names by which headings can be linked, as forges make them.
func anchors(text string) []string {
	var list []string
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		list = append(list, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 0x7f:
				return r
			}
			return -1
		}, strings.ToLower(m[1])))
	}
	return list
}

// TestPaths checks that every path of the repository that a document names exists.
func TestPaths(t *testing.T) {
	for path, text := range documents(t) {
		for _, m := range code.FindAllStringSubmatch(text, -1) {
			if !source.MatchString(m[1]) || !slices.ContainsFunc(rooms, func(r string) bool { return strings.HasPrefix(m[1], r) }) {
				continue
			}
			file, _, _ := strings.Cut(m[1], ":")
			if found, err := filepath.Glob(filepath.Join(repository, file)); err != nil || len(found) == 0 {
				t.Errorf("%s names %s, which is not there", path, m[1])
			}
		}
	}
}

// TestNames checks that everything in a package that a document names, such as `initproc.Spawn` or
// `enclosing.Backend.Create`, is declared there.
func TestNames(t *testing.T) {
	declared := declarations(t)
	checked := 0
	for path, text := range documents(t) {
		for _, m := range code.FindAllStringSubmatch(text, -1) {
			n := name.FindStringSubmatch(m[1])
			if n == nil || extension.MatchString(m[1]) || other.MatchString(m[1]) || declared[n[1]] == nil {
				continue
			}
			checked++
			if !declared[n[1]][n[2]] {
				t.Errorf("%s names %s, which package %s does not have", path, m[1], n[1])
			}
		}
	}
	if checked == 0 {
		t.Error("no document names anything: is the pattern wrong?")
	}
}

// declarations returns the names in every package of the repository, on any platform and in tests
// too. Methods and fields have their type's name before them. Packages of the same name are merged.
func declarations(t *testing.T) map[string]map[string]bool {
	t.Helper()
	all := map[string]map[string]bool{}
	walk(t, func(path string) {
		if filepath.Ext(path) != ".go" {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(repository, path), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		names := all[file.Name.Name]
		if names == nil {
			names = map[string]bool{}
			all[file.Name.Name] = names
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				names[receiver(d)+d.Name.Name] = true
			case *ast.GenDecl:
				for _, s := range d.Specs {
					declare(names, s)
				}
			}
		}
	})
	return all
}

func declare(names map[string]bool, s ast.Spec) {
	switch s := s.(type) {
	case *ast.ValueSpec:
		for _, n := range s.Names {
			names[n.Name] = true
		}
	case *ast.TypeSpec:
		names[s.Name.Name] = true
		var list *ast.FieldList
		switch typ := s.Type.(type) {
		case *ast.StructType:
			list = typ.Fields
		case *ast.InterfaceType:
			list = typ.Methods
		default:
			return
		}
		for _, f := range list.List {
			for _, n := range f.Names {
				names[s.Name.Name+"."+n.Name] = true
			}
		}
	}
}

// receiver returns the type of a method with a dot after it, or "" for a function.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	expr := d.Recv.List[0].Type
	if star, ok := expr.(*ast.StarExpr); ok {
		expr = star.X
	}
	if index, ok := expr.(*ast.IndexExpr); ok {
		expr = index.X
	}
	if ident, ok := expr.(*ast.Ident); ok {
		return ident.Name + "."
	}
	return ""
}

// TestConfigurationExample checks that the example in docs/config.md is a valid configuration.
func TestConfigurationExample(t *testing.T) {
	var example strings.Builder
	for line := range strings.Lines(documents(t)["docs/config.md"]) {
		if strings.HasPrefix(line, "A rule matches") {
			break
		}
		if text, ok := strings.CutPrefix(line, "    "); ok {
			example.WriteString(text)
		}
	}
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte(example.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, []string{"lxc", "pct", "crun", "runc"})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Rules) != 3 || c.Pct.Network.Bridge == "" {
		t.Errorf("there is more in docs/config.md than %+v", c)
	}
}
