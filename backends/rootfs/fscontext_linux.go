package rootfs

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// fsError is an error from making a file system, with the kernel's messages about it.
type fsError struct {
	op    string
	words []string
	err   error
}

func (e *fsError) Error() string {
	text := e.op + ": " + e.err.Error()
	if len(e.words) > 0 {
		text += " (" + strings.Join(e.words, "; ") + ")"
	}
	return text
}

func (e *fsError) Unwrap() error { return e.err }

// newFilesystem makes a file system of type typ and returns it as a detached mount (fsopen(2)).
func newFilesystem(typ, source string, params []Param, attr uint64) (int, error) {
	fs, err := unix.Fsopen(typ, unix.FSOPEN_CLOEXEC)
	if err != nil {
		if errors.Is(err, unix.ENODEV) {
			return -1, fmt.Errorf("fsopen %q: no such file system type in this kernel: %w", typ, err)
		}
		return -1, fmt.Errorf("fsopen %q: %w", typ, err)
	}
	return configured(fs, typ, source, params, attr)
}

// configured configures the file system context fs, creates the file system, and returns it as a
// detached mount. It closes fs.
func configured(fs int, typ, source string, params []Param, attr uint64) (int, error) {
	defer unix.Close(fs)
	fail := func(op string, err error) (int, error) {
		return -1, &fsError{op: op, words: kernelWords(fs), err: err}
	}
	err := unix.FsconfigSetString(fs, "source", source)
	if err != nil {
		return fail(fmt.Sprintf("%s: set source %q", typ, source), err)
	}
	for _, p := range params {
		if p.Flag {
			err = unix.FsconfigSetFlag(fs, p.Key)
		} else {
			err = unix.FsconfigSetString(fs, p.Key, p.Value)
		}
		if err != nil {
			return fail(fmt.Sprintf("%s: set option %q", typ, p.String()), err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return fail("create "+typ, err)
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, int(attr))
	if err != nil {
		return fail("fsmount "+typ, err)
	}
	return mount, nil
}

// String returns the parameter as mount(8) writes it.
func (p Param) String() string {
	if p.Flag {
		return p.Key
	}
	return p.Key + "=" + p.Value
}

// kernelWords reads the kernel's messages about a file system context: one message per read, each
// with a prefix for its severity ("e ", "w ", "i "), which is removed.
func kernelWords(fs int) []string {
	var words []string
	buf := make([]byte, 4096)
	for range 16 {
		n, err := unix.Read(fs, buf)
		if err != nil || n == 0 {
			break
		}
		text := strings.TrimSpace(string(buf[:n]))
		if len(text) > 2 && text[1] == ' ' {
			text = text[2:]
		}
		words = append(words, text)
	}
	return words
}
