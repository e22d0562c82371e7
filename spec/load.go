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

// ConfigFile is the name of the configuration file in a bundle (bundle.md).
const ConfigFile = "config.json"

// Platform is the platform on which containers run: Linux or FreeBSD.
var Platform = runtime.GOOS

// Load reads and checks the config.json of a bundle for Platform. It returns the Spec, the bytes of
// the file, and the warnings. The Spec is valid and has Root set, but Process may be nil. The error
// is an *InvalidError if the config is refused. It satisfies errors.Is(err, fs.ErrNotExist) if
// there is no config.json.
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

// Validate combines Parse and Check. It does not report a property again as empty if Parse could
// not decode it. The Spec is nil if data is not a JSON object.
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

// around reports whether a problem in the list is at path, inside it, or above it.
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

// Read returns the bytes of a bundle's config.json, at most MaxSize. The file must be a regular
// file, because a FIFO or device could block the caller. Read follows a symbolic link, as runc
// does.
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
	// The file may grow while it is read. Parse refuses more than MaxSize.
	data := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	if _, err := data.ReadFrom(io.LimitReader(f, MaxSize+1)); err != nil {
		return nil, fmt.Errorf("read bundle: %w", err)
	}
	return data.Bytes(), nil
}

// missingError keeps runc's wording, which engines and people search for. It omits the system's "no
// such file or directory", from which podman would conclude that the command in the container does
// not exist.
type missingError struct{ err error }

func (e *missingError) Error() string {
	return "JSON specification file " + ConfigFile + " not found"
}

func (e *missingError) Unwrap() error { return e.err }
