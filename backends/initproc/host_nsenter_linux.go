package initproc

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
)

// joining are namespaces that only a single-threaded process can join (setns(2)), such as
// nsenter(1) of util-linux.
type joining struct {
	names []string
	kinds []string
	files []*os.File
}

// add opens a namespace. "" means none.
func (j *joining) add(kind, path string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s namespace: %w", kind, err)
	}
	j.addFile(kind, f)
	return nil
}

// addFile takes over an open namespace. nil means none.
func (j *joining) addFile(kind string, f *os.File) {
	if f == nil {
		return
	}
	j.names = append(j.names, kind+" namespace "+f.Name())
	j.kinds = append(j.kinds, kind)
	j.files = append(j.files, f)
}

func (j *joining) close() {
	for _, f := range j.files {
		f.Close()
	}
}

// command adds the executable and then the namespaces to a process's descriptors. It returns the
// program that joins the namespaces and then execs the executable. Without namespaces that program
// is the executable itself.
func (j *joining) command(attr *syscall.ProcAttr, exe *os.File) (path string, argv []string, err error) {
	exeAt := len(attr.Files)
	attr.Files = append(attr.Files, exe.Fd())
	self := fmt.Sprintf("/proc/self/fd/%d", exeAt)
	if len(j.files) == 0 {
		return self, []string{processName}, nil
	}
	if path, err = backends.FindTool("nsenter", "install util-linux, which berth needs to join a user or time namespace"); err != nil {
		return "", nil, err
	}
	argv = []string{"nsenter"}
	for i, f := range j.files {
		argv = append(argv, fmt.Sprintf("--%s=/proc/self/fd/%d", j.kinds[i], len(attr.Files)))
		attr.Files = append(attr.Files, f.Fd())
	}
	return path, append(argv, "--", self), nil
}
