package state

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/berth-oci/berth/backends"
)

// The directory backends.OwedDir has an empty file for each container that a delete has
// begun with, so that a later command sees at a glance what is owed, and a directory for
// each record that was set aside for another container of the same id.

func (s *Store) owed(name string) string { return filepath.Join(s.root, backends.OwedDir, name) }

// Owe records that a container is to be deleted, and why it could not be, if that is
// known.
func (s *Store) Owe(e *Entry, why string) error {
	if e.Owed == nil {
		e.Owed = &backends.Owed{Since: time.Now().UTC()}
	}
	e.Owed.Why = why
	if s.of == "" {
		if err := s.note(e.ID); err != nil {
			return err
		}
	}
	return e.Save()
}

func (s *Store) note(id string) error {
	err := os.WriteFile(s.owed(id), nil, 0o600)
	if os.IsNotExist(err) {
		if err = os.Mkdir(s.owed(""), 0o700); err == nil || os.IsExist(err) {
			err = os.WriteFile(s.owed(id), nil, 0o600)
		}
	}
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	return nil
}

// Settle takes the note back.
func (s *Store) Settle(id string) { _ = os.Remove(s.owed(id)) }

// Owed are the containers noted, and whether there are records set aside; what has been
// seen to since so long ago is left out.
func (s *Store) Owed(age time.Duration) (ids []string, aside bool) {
	entries, err := os.ReadDir(s.owed(""))
	if err != nil {
		return nil, false
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < age {
			continue
		}
		if e.IsDir() {
			aside = true
		} else if CheckID(e.Name()) == nil {
			ids = append(ids, e.Name())
		}
	}
	return ids, aside
}

// Aside holds the records that were set aside, under names of its own.
func (s *Store) Aside() *Store { return &Store{root: s.owed(""), of: s.root} }

// SetAside frees the id of a container that is owed, and whose record is locked. The
// record goes on naming it.
func (s *Store) SetAside(e *Entry) error {
	for n := 1; ; n++ {
		to := s.owed(strconv.Itoa(n))
		err := os.Rename(e.Dir, to)
		if os.IsExist(err) { // and not empty, for there is a record in it
			continue
		}
		if err != nil {
			return fmt.Errorf("state of container %q: %w", e.ID, err)
		}
		e.Dir = to
		s.Settle(e.ID)
		return nil
	}
}

// LockOwed keeps others from finishing what is owed, until it is closed; nil if somebody
// else does so.
func (s *Store) LockOwed() *os.File {
	lock, err := lockDir(s.owed(""), time.Unix(1, 0))
	if err != nil {
		return nil
	}
	return lock
}
