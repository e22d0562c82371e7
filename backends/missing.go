package backends

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
)

// Missing is the error for something of the host's that berth itself needs and that
// is not there. Engines look for the kernel's and the shell's words in a runtime's
// error and take what they find for the container's program (podman, Docker: "executable
// file not found", "no such file or directory", "permission denied", and exit status 126
// or 127), so that Text has none of them. Err, which may have them, is only for
// errors.Is.
type Missing struct {
	Text string
	Err  error
}

func (m *Missing) Error() string { return m.Text }

func (m *Missing) Unwrap() error { return m.Err }

// FindTool finds a program that berth itself calls: a name in PATH, or the path of a
// file. The error is a *Missing that ends with the advice.
func FindTool(name, advice string) (string, error) {
	path, err := exec.LookPath(name)
	var why string
	switch {
	case err == nil:
		return path, nil
	case errors.Is(err, exec.ErrNotFound):
		why = fmt.Sprintf("this host lacks the program %s (looked in PATH, %.200q)", name, os.Getenv("PATH"))
	case errors.Is(err, fs.ErrNotExist):
		why = "this host lacks the program " + name
	case errors.Is(err, fs.ErrPermission):
		why = "the program " + name + " is not an executable file"
	default:
		why = fmt.Sprintf("the program %s cannot be used: %v", name, err)
	}
	return "", &Missing{Text: why + ": " + advice, Err: err}
}

// CannotStart is the error of a program that FindTool has found and that the kernel
// does not start (execve(2)).
func CannotStart(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Missing{Text: "the program " + path + " cannot be started: it has gone, or the interpreter or loader that it names is not there", Err: err}
	case errors.Is(err, fs.ErrPermission):
		return &Missing{Text: "the program " + path + " cannot be started: the kernel refuses it, for its mode, a mount with noexec, or a security module", Err: err}
	}
	return fmt.Errorf("the program %s cannot be started: %w", path, err)
}
