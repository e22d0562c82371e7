//go:build linux

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/bundle"
)

// makeBundle writes a bundle from the template. Its process only waits, and the edits change its
// config.json. It also makes this process the parent of all orphans.
func makeBundle(dir, rootfs string, edits ...func(*specs.Spec) error) (string, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := exec.Command("cp", "-a", rootfs, filepath.Join(dir, "rootfs")).Run(); err != nil {
		return "", err
	}
	s := bundle.Template()
	s.Process.Terminal = false
	s.Process.Args = []string{"sleep", "1000"}
	for _, edit := range edits {
		if err := edit(s); err != nil {
			return "", err
		}
	}
	data, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "config.json"), data, 0o644)
}
