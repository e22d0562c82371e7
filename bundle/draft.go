package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// RootfsName is the name of the root file system's directory in the bundles that berth makes.
const RootfsName = "rootfs"

// Draft is an unfinished bundle. It lives beside its final place in a hidden directory that only
// its owner can enter.
type Draft struct {
	// Dir is the hidden directory.
	Dir   string
	final string
	lock  *os.File
}

// NewDraft begins a bundle for the directory final, which must not exist or must be empty. If it is
// not empty, the error wraps fs.ErrExist. NewDraft also removes drafts of the same bundle that a
// killed berth left behind.
func NewDraft(final string) (*Draft, error) {
	final, err := filepath.Abs(final)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(final)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("make bundle %s: the directory exists and is not empty: %w", final, fs.ErrExist)
	}
	parent, prefix := filepath.Dir(final), "."+filepath.Base(final)+".berth-"
	sweep(parent, prefix)
	dir, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return nil, fmt.Errorf("make a directory for the bundle: %w", err)
	}
	d := &Draft{Dir: dir, final: final}
	if d.lock, err = lock(dir); err == nil {
		err = os.Mkdir(d.Rootfs(), 0o755)
	}
	if err != nil {
		return nil, errors.Join(err, d.Discard())
	}
	return d, nil
}

// Rootfs returns the directory for the root file system.
func (d *Draft) Rootfs() string { return filepath.Join(d.Dir, RootfsName) }

// Commit writes config.json and renames the draft to its final name.
func (d *Draft) Commit(s *specs.Spec) error {
	data, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.Dir, spec.ConfigFile), append(data, '\n'), 0o644); err != nil {
		return err
	}
	// rename(2) replaces an empty directory and fails on anything else.
	if err := os.Rename(d.Dir, d.final); err != nil {
		return fmt.Errorf("move the finished bundle to its place: %w", err)
	}
	return d.lock.Close()
}

// Discard removes the draft and everything in it.
func (d *Draft) Discard() error {
	if d.lock != nil {
		defer d.lock.Close()
	}
	if err := os.RemoveAll(d.Dir); err != nil {
		return fmt.Errorf("remove the unfinished bundle: %w", err)
	}
	return nil
}

// lock takes a flock on a directory. It marks the directory as in use for as long as the process
// lives.
func lock(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}

// sweep removes the drafts whose processes have exited.
func sweep(parent, prefix string) {
	left, _ := filepath.Glob(filepath.Join(parent, escapeGlob(prefix)+"*"))
	for _, dir := range left {
		if f, err := lock(dir); err == nil {
			_ = os.RemoveAll(dir)
			f.Close()
		}
	}
}

func escapeGlob(text string) string {
	var out []byte
	for i := range len(text) {
		if c := text[i]; c == '*' || c == '?' || c == '[' || c == '\\' {
			out = append(out, '\\')
		}
		out = append(out, text[i])
	}
	return string(out)
}
