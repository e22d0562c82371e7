package state

import (
	"fmt"
	"os"
	"path/filepath"
)

// foregroundDir names, by an empty file each, the containers that another
// runtime runs in berth's place: nobody removes their records when they end. The
// at sign is in no container's id.
const foregroundDir = "@run"

// Foreground notes that a container is run in berth's place.
func (s *Store) Foreground(id string) error {
	dir := filepath.Join(s.root, foregroundDir)
	err := os.Mkdir(dir, 0o700)
	if err == nil || os.IsExist(err) {
		err = os.WriteFile(filepath.Join(dir, id), nil, 0o600)
	}
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	return nil
}

// ForegroundIDs are the containers noted.
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

// Background takes the note back.
func (s *Store) Background(id string) {
	_ = os.Remove(filepath.Join(s.root, foregroundDir, id))
}
