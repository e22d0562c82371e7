// Package state keeps one record per container in a directory, ROOT/ID/state.json, and writes it
// atomically. The container's directory is also its lock.
package state

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
)

// Errors that callers test for. They have runc's words, because engines look for them.
var (
	ErrNotExist = errors.New("container does not exist")
	ErrExist    = errors.New("container with given ID already exists")
	ErrBusy     = errors.New("another command is using the container")
	// ErrDamaged is the error for a record that cannot be understood. The record of a newer berth
	// is not damaged: its error is a *record.NewerError.
	ErrDamaged = record.ErrDamaged
)

const (
	recordName = "state.json"
	// dirMode lets the mapped root of a container in a user namespace pass through the directories,
	// because the container's stub init is started from inside. It does not let it list them, and
	// the record itself has mode 0600.
	dirMode = 0o711
)

// Store is a state directory.
type Store struct {
	root string
	// of is the state directory whose records were set aside in this one, or "".
	of string
}

// Open returns the store for the state directory root, which Create makes if it is missing. Open
// resolves the symbolic links in root, such as Docker Engine's /var/run/docker. It is the only
// place that does so, because LXC follows no link in a path of its configuration.
func Open(root string) (*Store, error) {
	abs, err := filepath.Abs(root)
	if err == nil {
		abs, err = resolved(abs)
	}
	if err != nil {
		return nil, fmt.Errorf("open the state directory: %w", err)
	}
	return &Store{root: abs}, nil
}

// resolved resolves the symbolic links in the part of an absolute path that exists.
func resolved(abs string) (string, error) {
	real, err := filepath.EvalSymlinks(abs)
	if !errors.Is(err, os.ErrNotExist) || abs == "/" {
		return real, err
	}
	dir, err := resolved(filepath.Dir(abs))
	return filepath.Join(dir, filepath.Base(abs)), err
}

// Root is the absolute path of the state directory, without symbolic links.
func (s *Store) Root() string { return s.root }

// Dir returns the path of a container's directory.
func (s *Store) Dir(id string) string { return s.dir(id) }

func (s *Store) dir(id string) string { return filepath.Join(s.root, id) }

// Create makes the directory of a new container and locks it. The error wraps ErrExist if there is
// one already.
func (s *Store) Create(id string) (*Entry, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.root, dirMode); err != nil {
		return nil, fmt.Errorf("make the state directory: %w", err)
	}
	dir := s.dir(id)
	lock, err := makeLocked(dir)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, dirMode); err != nil {
		lock.Close()
		return nil, fmt.Errorf("make the directory of container %q: %w", id, err)
	}
	return &Entry{Container: &backends.Container{ID: id, Root: s.root, Dir: dir, Lock: lock}}, nil
}

// makeLocked makes a directory and locks it. Between the two a delete may take the directory for
// one that a create has left, and remove it; makeLocked then tries again.
func makeLocked(dir string) (*os.File, error) {
	for {
		if err := os.Mkdir(dir, 0o700); err != nil {
			if errors.Is(err, os.ErrExist) {
				return nil, fmt.Errorf("container %q: %w", filepath.Base(dir), ErrExist)
			}
			return nil, fmt.Errorf("make the directory of container %q: %w", filepath.Base(dir), err)
		}
		lock, err := lockDir(dir, time.Time{})
		if errors.Is(err, ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		// Another create may have been faster.
		if _, err := os.Stat(filepath.Join(dir, recordName)); err == nil {
			lock.Close()
			return nil, fmt.Errorf("container %q: %w", filepath.Base(dir), ErrExist)
		}
		return lock, nil
	}
}

// Patience is how long a command waits for another command on the same container. It is longer than
// Proxmox VE may take for a start or a stop.
const Patience = 3 * time.Minute

// Lock locks a container until Close, and opens its record. If another command is using the
// container, Lock waits for at most patience, and then fails with ErrBusy. The record of a container
// whose create has only begun is empty.
func (s *Store) Lock(id string, patience time.Duration) (*Entry, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	lock, err := lockDir(s.dir(id), time.Now().Add(patience))
	if err != nil {
		return nil, err
	}
	c, err := s.Read(id)
	if err != nil {
		lock.Close()
		return nil, err
	}
	c.Lock = lock
	return &Entry{Container: c}, nil
}

// LockDamaged is Lock for a container whose record is damaged, and of which nothing but its place
// is known. A record that can be read is damaged if check says so.
func (s *Store) LockDamaged(id string, patience time.Duration, check func(*backends.Container) error) (*Entry, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	lock, err := lockDir(s.dir(id), time.Now().Add(patience))
	if err != nil {
		return nil, err
	}
	// The record may have been replaced meanwhile.
	now, err := s.Read(id)
	if err == nil {
		err = check(now)
	}
	if !errors.Is(err, ErrDamaged) {
		lock.Close()
		return nil, fmt.Errorf("container %q: %w", id, cmp.Or(err, ErrBusy))
	}
	c := s.Damaged(id)
	c.Lock = lock
	return &Entry{Container: c}, nil
}

// Damaged returns what is known of a container whose record is damaged: its place, and when its
// directory was last changed.
func (s *Store) Damaged(id string) *backends.Container {
	c := &backends.Container{ID: id, Root: s.root, Dir: s.dir(id)}
	if info, err := os.Stat(c.Dir); err == nil {
		c.Created = info.ModTime()
	}
	return c
}

// Busy is true if a command holds the container at this moment.
func (s *Store) Busy(id string) bool {
	lock, err := lockDir(s.dir(id), time.Unix(1, 0))
	if err != nil {
		return errors.Is(err, ErrBusy)
	}
	lock.Close()
	return false
}

// Free waits for at most patience until no command holds the container, and returns whether none
// does.
func (s *Store) Free(id string, patience time.Duration) bool {
	lock, err := lockDir(s.dir(id), time.Now().Add(patience))
	if err != nil {
		return !errors.Is(err, ErrBusy)
	}
	lock.Close()
	return true
}

// HeldBy is true if process p holds the container's lock.
func (s *Store) HeldBy(id string, p backends.Process) bool {
	info, err := os.Stat(s.dir(id))
	return err == nil && p.Alive() && locks(p.Pid, info)
}

// Holds is true if there is a record of the container, complete or not.
func (s *Store) Holds(id string) bool {
	_, err := os.Lstat(s.dir(id))
	return err == nil
}

// Read reads the record of a container as it is at this moment. The error wraps ErrNotExist or
// ErrDamaged, or is a *record.NewerError, if the record cannot be used.
func (s *Store) Read(id string) (*backends.Container, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	c := &backends.Container{ID: id}
	data, err := os.ReadFile(filepath.Join(s.dir(id), recordName))
	switch {
	case errors.Is(err, os.ErrNotExist):
		if !beginning(s.dir(id)) {
			return nil, fmt.Errorf("container %q: %w", id, ErrNotExist)
		}
	case err != nil:
		return nil, fmt.Errorf("read the state of container %q: %w", id, err)
	case anothers(data):
		return nil, fmt.Errorf("container %q: %w: %s belongs to another runtime", id, ErrNotExist, s.dir(id))
	default:
		err := record.Unmarshal(data, c)
		if err == nil {
			err = s.plausible(c, id)
		}
		if err != nil {
			return nil, s.Unreadable(id, err)
		}
	}
	c.Root, c.Dir = s.root, s.dir(id)
	if s.of != "" {
		c.Root = s.of // a record that was set aside keeps its root
	}
	return c, nil
}

// plausible checks what every record must say. A container's process cannot be process 1, nor a
// negative number, which stands for more than one process (kill(2)).
func (s *Store) plausible(c *backends.Container, id string) error {
	switch {
	case c.Backend == "":
		return record.Damaged("it has no backend")
	case s.of == "" && c.ID != id, CheckID(c.ID) != nil:
		return record.Damaged("it is the record of container %.100q", c.ID)
	case !c.Process.Plausible():
		return record.Damaged("process %d cannot be a container's process", c.Process.Pid)
	case c.Runner.Pid < 0:
		return record.Damaged("process %d cannot be the command that runs the container", c.Runner.Pid)
	case c.Creator.Pid < 0:
		return record.Damaged("process %d cannot be the command that created the container", c.Creator.Pid)
	}
	return nil
}

// Unreadable adds the record's path to an error, and advice if the record is damaged.
func (s *Store) Unreadable(id string, err error) error {
	err = fmt.Errorf("read the state of container %q: %s: %w", id, filepath.Join(s.dir(id), recordName), err)
	if errors.Is(err, ErrDamaged) {
		err = fmt.Errorf("%w; 'berth delete --force %s' removes what is left of the container", err, id)
	}
	return err
}

// List returns the ids of the containers in the state directory, in alphabetical order.
func (s *Store) List() ([]string, error) {
	entries, err := os.ReadDir(s.root)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the state directory: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() && CheckID(e.Name()) == nil {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// Entry is a container whose record is locked by this process.
type Entry struct{ *backends.Container }

// Save writes the record. A reader sees either the old record or the new one, never a part.
func (e *Entry) Save() error {
	if err := record.Save(filepath.Join(e.Dir, recordName), e.Container); err != nil {
		return fmt.Errorf("save the state of container %q: %w", e.ID, err)
	}
	return nil
}

// Remove deletes the record and releases the lock.
func (e *Entry) Remove() error {
	defer e.Close()
	// The record goes last, because a repeated delete needs it until then.
	entries, err := os.ReadDir(e.Dir)
	if err != nil {
		return fmt.Errorf("remove the state of container %q: %w", e.ID, err)
	}
	for _, f := range entries {
		if f.Name() == recordName {
			continue
		}
		if err := os.RemoveAll(filepath.Join(e.Dir, f.Name())); err != nil {
			return fmt.Errorf("remove the state of container %q: %w", e.ID, err)
		}
	}
	for _, path := range []string{filepath.Join(e.Dir, recordName), e.Dir} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove the state of container %q: %w", e.ID, err)
		}
	}
	return nil
}

// Discard removes the record of a create that failed with err, and returns err. It keeps the record
// if err wraps backends.ErrLeftBehind, because delete needs it then.
func (e *Entry) Discard(err error) error {
	if errors.Is(err, backends.ErrLeftBehind) {
		return err
	}
	if removeErr := e.Remove(); removeErr != nil {
		return errors.Join(err, removeErr)
	}
	return err
}

// Close releases the lock.
func (e *Entry) Close() {
	if e.Container.Lock != nil {
		e.Container.Lock.Close()
		e.Container.Lock = nil
	}
}

// lockDir opens and locks a directory, and waits for the lock until deadline, or forever if
// deadline is zero. It makes sure that the directory still has this name, because a container may
// be deleted and made again meanwhile.
func lockDir(dir string, deadline time.Time) (*os.File, error) {
	pause := time.Millisecond
	for {
		f, err := os.Open(dir)
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("container %q: %w", filepath.Base(dir), ErrNotExist)
		}
		if err != nil {
			return nil, fmt.Errorf("lock container: %w", err)
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && sameDir(f, dir) {
			return f, nil
		}
		f.Close()
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, fmt.Errorf("lock %s: %w", dir, err)
		}
		if !deadline.IsZero() && time.Now().After(deadline) {
			return nil, fmt.Errorf("container %q: %w: timed out waiting for the lock of %s", filepath.Base(dir), ErrBusy, dir)
		}
		time.Sleep(pause)
		pause = min(2*pause, 20*time.Millisecond)
	}
}

func sameDir(f *os.File, dir string) bool {
	held, err1 := f.Stat()
	named, err2 := os.Lstat(dir)
	return err1 == nil && err2 == nil && os.SameFile(held, named)
}
