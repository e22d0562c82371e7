package crun

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/berth-oci/berth/backends"
)

// Versions returns the other runtime with its version. It fails if the program is not found, or if
// its --version fails.
func (b *Backend) Versions() ([]backends.Tool, error) {
	path, err := b.find()
	if err != nil {
		return nil, err
	}
	tool := backends.Tool{Name: filepath.Base(path), Path: path}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return []backends.Tool{tool}, fmt.Errorf("%s --version: %w", path, err)
	}
	line, _, _ := bytes.Cut(out, []byte{'\n'})
	if fields := bytes.Fields(line); len(fields) > 0 { // "crun version 1.8.1"
		tool.Version = string(fields[len(fields)-1])
	}
	return []backends.Tool{tool}, nil
}
