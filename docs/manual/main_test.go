package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReferenceIsCurrent checks that docs/cli.md is the reference of the commands as they are.
func TestReferenceIsCurrent(t *testing.T) {
	data, err := os.ReadFile("../cli.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, markdownOf(app())) {
		t.Error("docs/cli.md is not what the commands say: go run ./docs/manual -markdown docs/cli.md")
	}
}

func TestEveryCommandIsThere(t *testing.T) {
	a := app()
	list := pages(a)
	for _, c := range a.Commands {
		if len(list["berth-"+c.Name+".8"]) == 0 {
			t.Errorf("%s has no man page", c.Name)
		}
		for shell, text := range map[string][]byte{"bash": bash(a), "zsh": zsh(a), "fish": fish(a)} {
			if !strings.Contains(string(text), c.Name) {
				t.Errorf("%s is not completed in %s", c.Name, shell)
			}
		}
	}
}

// TestBash checks in bash what it completes.
func TestBash(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "berth.bash")
	if err := os.WriteFile(file, bash(app()), 0o644); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"berth val":                     "validate",
		"berth --deb":                   "--debug",
		"berth create --pi":             "--pidfd-socket --pid-file",
		"berth --log /x --root /y kil":  "kill",
		"berth --backend p":             "pct",
		"berth --debug state --nothing": "",
	} {
		script := `source "$1"; read -ra COMP_WORDS <<<"$2"; COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _berth; echo "${COMPREPLY[*]}"`
		out, err := exec.Command("bash", "-c", script, "bash", file, line).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", line, got, err, want)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	if err := write(app(), filepath.Join(dir, "cli.md"), filepath.Join(dir, "man"), filepath.Join(dir, "c")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cli.md", "man/berth.8.gz", "man/berth-create.8.gz", "c/berth.bash", "c/_berth", "c/berth.fish"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
