package lxc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/berth-oci/berth/backends"
)

// oldest is the first major version of LXC whose containers can join namespaces by path as berth
// needs.
const oldest = 5

// Versions returns lxc-start with its version.
func (Enclosure) Versions() ([]backends.Tool, error) {
	tool, err := Version()
	if tool.Path == "" {
		return nil, err
	}
	return []backends.Tool{tool}, err
}

// Version returns lxc-start with its path and version. It fails if the version cannot be read or is
// older than oldest.
func Version() (backends.Tool, error) {
	tool := backends.Tool{Name: "lxc-start"}
	cmd, err := command(tool.Name, "--version")
	if err != nil {
		return tool, err
	}
	tool.Path = cmd.Path
	out, err := cmd.Output()
	if err != nil {
		return tool, fmt.Errorf("%s --version: %w", tool.Path, err)
	}
	tool.Version = strings.TrimSpace(string(out))
	major, _, _ := strings.Cut(tool.Version, ".")
	if n, err := strconv.Atoi(major); err == nil && n < oldest {
		return tool, errors.New("LXC " + tool.Version + " is too old: " + strconv.Itoa(oldest) + " or later is needed")
	}
	return tool, nil
}
