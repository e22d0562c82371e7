package state

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// registry is the directory with links to other state directories, in the state directory of the
// system. Its name is not a valid id, so it cannot clash with a container's directory.
const registry = "@roots"

// Register notes in the system's state directory (/run/berth) that there is another one. 'berth
// doctor' would otherwise not know that directory, and would take what is just being made there for
// left behind.
func Register(system, root string) error {
	if root == system {
		return nil
	}
	sum := sha256.Sum256([]byte(root))
	link := filepath.Join(system, registry, hex.EncodeToString(sum[:8]))
	if at, err := os.Readlink(link); err == nil && at == root {
		return nil
	}
	err := os.MkdirAll(system, dirMode)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(link), 0o700)
	}
	if err == nil {
		err = os.Symlink(root, link)
	}
	if err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("register the state directory %s for 'berth doctor': %w", root, err)
	}
	return nil
}

// Registered returns the state directories that were registered with the system's and still exist.
func Registered(system string) []string {
	links, _ := filepath.Glob(filepath.Join(system, registry, "*"))
	var roots []string
	for _, link := range links {
		root, err := os.Readlink(link)
		if err != nil || !filepath.IsAbs(root) || slices.Contains(roots, root) {
			continue
		}
		if _, err := os.Lstat(root); err == nil {
			roots = append(roots, root)
		}
	}
	return roots
}
