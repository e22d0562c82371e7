package state

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/berth-oci/berth/backends"
)

// The directory backends.OwedDir has an empty file for each container whose delete has begun. A
// later command sees there at a glance which deletes did not finish. The directory also has a
// subdirectory for each record that was set aside for another container of the same id.

func (s *Store) owed(name string) string { return filepath.Join(s.root, backends.OwedDir, name) }

// Owe records that a container's delete has begun, and in why the reason why it failed, if that is
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
		return fmt.Errorf("note in the state directory that the delete of container %q begins: %w", id, err)
	}
	return nil
}

// Settle removes the note that Owe made.
func (s *Store) Settle(id string) { _ = os.Remove(s.owed(id)) }

// Owed returns the ids of the noted containers, and whether records are set aside. It leaves out
// what was tried less than age ago.
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

// Aside returns the store of the records that were set aside. They have names of their own there.
func (s *Store) Aside() *Store { return &Store{root: s.owed(""), of: s.root} }

// SetAside frees the id of a container whose delete did not finish and whose record is locked, by
// moving the container's directory. The record keeps the id.
func (s *Store) SetAside(e *Entry) error {
	for n := 1; ; n++ {
		to := s.owed(strconv.Itoa(n))
		err := os.Rename(e.Dir, to)
		if os.IsExist(err) { // it holds another record
			continue
		}
		if err != nil {
			return fmt.Errorf("set the record of container %q aside: %w", e.ID, err)
		}
		e.Dir = to
		s.Settle(e.ID)
		return nil
	}
}

// LockOwed keeps other processes from finishing deletes until the file is closed. It returns nil if
// another process holds the lock, or if no delete was ever noted.
func (s *Store) LockOwed() *os.File {
	lock, err := lockDir(s.owed(""), time.Unix(1, 0))
	if err != nil {
		return nil
	}
	return lock
}
