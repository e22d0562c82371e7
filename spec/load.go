package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// ConfigFile is the name of the configuration in a bundle (bundle.md).
const ConfigFile = "config.json"

// Platform is the one that containers run on: Linux or FreeBSD.
var Platform = runtime.GOOS

// Load reads and checks the config.json of a bundle for Platform. The
// Spec is valid and has Root set; Process may be nil. The bytes are the file's.
// The problems are warnings. The error is an *InvalidError if the config is refused;
// it satisfies errors.Is(err, fs.ErrNotExist) if there is none.
func Load(bundle string) (*specs.Spec, []byte, Problems, error) {
	data, err := Read(bundle)
	if err != nil {
		return nil, nil, nil, err
	}
	s, ps := Validate(data, Platform)
	if err := ps.Err(); err != nil {
		return nil, nil, nil, err
	}
	return s, data, ps.Warnings(), nil
}

// Validate is Parse and Check in one. A property that could not be decoded is
// not reported a second time for being empty. The Spec is nil if data is not
// a JSON object.
func Validate(data []byte, platform string) (*specs.Spec, Problems) {
	s, ps := Parse(data)
	if s == nil {
		return nil, ps
	}
	form := ps.Errors()
	for _, p := range Check(s, platform) {
		if !form.around(p.Path) {
			ps.add(p)
		}
	}
	return s, ps
}

// around says if a problem of the list is at path, inside of it or above it.
func (ps Problems) around(path string) bool {
	for _, p := range ps {
		a, b := p.Path, path
		if len(a) > len(b) {
			a, b = b, a
		}
		if strings.HasPrefix(b, a) && (len(a) == len(b) || a == "" || b[len(a)] == '.' || b[len(a)] == '[') {
			return true
		}
	}
	return false
}

// Read returns the bytes of a bundle's config.json, at most MaxSize. The file
// must be a regular one, so that no FIFO or device can make the caller wait; a
// symbolic link is followed, as runc does.
func Read(bundle string) ([]byte, error) {
	if _, err := os.Stat(bundle); err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(bundle, ConfigFile), os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &missingError{err}
	}
	if err != nil {
		return nil, fmt.Errorf("read bundle: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read bundle: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read bundle: %s is not a regular file", f.Name())
	}
	if info.Size() > MaxSize {
		return nil, fmt.Errorf("read bundle: %s is larger than %d MiB", f.Name(), MaxSize>>20)
	}
	// The file may grow meanwhile; Parse refuses what is above MaxSize.
	data := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	if _, err := data.ReadFrom(io.LimitReader(f, MaxSize+1)); err != nil {
		return nil, fmt.Errorf("read bundle: %w", err)
	}
	return data.Bytes(), nil
}

// missingError keeps runc's words, which engines and people search for, and
// leaves out the system's "no such file or directory", by which podman would
// conclude that the command in the container does not exist.
type missingError struct{ err error }

func (e *missingError) Error() string {
	return "JSON specification file " + ConfigFile + " not found"
}

func (e *missingError) Unwrap() error { return e.err }
