package state

import (
	"fmt"
	"os"
	"path/filepath"
)

// foregroundDir holds an empty file for each container that another runtime runs in the foreground
// in berth's place. Nobody removes the record of such a container when it ends. A container's id
// cannot contain an at sign.
const foregroundDir = "@run"

// Foreground notes that another runtime runs the container in berth's place.
func (s *Store) Foreground(id string) error {
	dir := filepath.Join(s.root, foregroundDir)
	err := os.Mkdir(dir, 0o700)
	if err == nil || os.IsExist(err) {
		err = os.WriteFile(filepath.Join(dir, id), nil, 0o600)
	}
	if err != nil {
		return fmt.Errorf("note in the state directory that container %q runs in the foreground: %w", id, err)
	}
	return nil
}

// ForegroundIDs returns the ids of the noted containers.
func (s *Store) ForegroundIDs() []string {
	entries, err := os.ReadDir(filepath.Join(s.root, foregroundDir))
	if err != nil {
		return nil
	}
	var ids []string
	for _, e := range entries {
		if CheckID(e.Name()) == nil {
			ids = append(ids, e.Name())
		}
	}
	return ids
}

// Background removes the note.
func (s *Store) Background(id string) {
	_ = os.Remove(filepath.Join(s.root, foregroundDir, id))
}
