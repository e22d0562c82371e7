package backends

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
)

// Missing is the error when the host lacks something that berth itself needs. Engines search a
// runtime's error for messages of the kernel and the shell, and then blame the container's program
// (podman, Docker: "executable file not found", "no such file or directory", "permission denied",
// and exit status 126 or 127). So Text contains none of these messages. Err may contain them. It is
// only for errors.Is.
type Missing struct {
	Text string
	Err  error
}

func (m *Missing) Error() string { return m.Text }

func (m *Missing) Unwrap() error { return m.Err }

// FindTool finds a program that berth itself calls, and returns its path. name is a name in PATH or
// the path of a file. The error is a *Missing whose text ends with advice.
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

// CannotStart returns the error for a program that FindTool has found but that the kernel does not
// start. err is the error of execve(2).
func CannotStart(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Missing{Text: "the program " + path + " cannot be started: it is gone, or its interpreter or loader does not exist", Err: err}
	case errors.Is(err, fs.ErrPermission):
		return &Missing{Text: "the program " + path + " cannot be started: the kernel refuses to execute it, because of its mode, a noexec mount or a security module", Err: err}
	}
	return fmt.Errorf("the program %s cannot be started: %w", path, err)
}
