package crun

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// find is the absolute path of the other runtime.
func (b *Backend) find() (string, error) {
	if name := b.settings.Runtime(); name != "" {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", fmt.Errorf("the runtime that the configuration names: %w", err)
		}
		return filepath.Abs(path)
	}
	path, err := exec.LookPath(b.name)
	if errors.Is(err, exec.ErrNotFound) && b.name == Crun {
		if path, err := exec.LookPath(Runc); err == nil {
			return filepath.Abs(path)
		}
	}
	if err != nil {
		return "", fmt.Errorf("%s is not installed: %w", b.name, err)
	}
	return filepath.Abs(path)
}

// flavour is the command line that a runtime has.
type flavour int

const (
	crunFlavour flavour = iota
	runcFlavour
)

// flavourOf tells by the program's name, its own or that of what it links to.
func flavourOf(path string) flavour {
	names := []string{filepath.Base(path)}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		names = append(names, filepath.Base(target))
	}
	for _, name := range names {
		switch {
		case strings.Contains(name, Runc):
			return runcFlavour
		case strings.Contains(name, Crun):
			return crunFlavour
		}
	}
	return crunFlavour
}
