package cgroup

import (
	"os"
	"path/filepath"
	"strings"
)

// Describe returns the host's cgroup version and, for version 2, its controllers.
func Describe() string {
	if CheckUnified() != nil {
		return "v1 or hybrid"
	}
	data, _ := os.ReadFile(filepath.Join(Mount, "cgroup.controllers"))
	if list := strings.Fields(string(data)); len(list) > 0 {
		return "v2 with " + strings.Join(list, " ")
	}
	return "v2 without controllers"
}
