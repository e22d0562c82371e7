package crun

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/berth-oci/berth/backends"
)

// find returns the absolute path of the other runtime.
func (b *Backend) find() (string, error) {
	path, err := b.look()
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

func (b *Backend) look() (string, error) {
	if name := b.settings.Runtime(); name != "" {
		return backends.FindTool(name, "correct runtime in the section "+b.name+" of berth's configuration")
	}
	path, err := backends.FindTool(b.name, "install it, or set runtime in the section "+b.name+" of berth's configuration")
	if errors.Is(err, exec.ErrNotFound) && b.name == Crun {
		if path, err := exec.LookPath(Runc); err == nil {
			return path, nil
		}
	}
	return path, err
}

// warnOfOther warns if the backend crun gives a container to runc, and the administrator has not
// chosen that.
func (b *Backend) warnOfOther(path string) {
	if b.name == Crun && b.settings.Runtime() == "" && filepath.Base(path) == Runc {
		logrus.Warnf("the crun backend uses %s, because crun is not in PATH and berth's configuration sets no runtime in the section crun", path)
	}
}

// flavour is the kind of command line that a runtime has.
type flavour int

const (
	crunFlavour flavour = iota
	runcFlavour
)

// flavourOf finds the flavour by the program's name, or by the name of the file to which that
// links. If neither name tells, the flavour is crun's.
func flavourOf(path string) flavour {
	names := []string{filepath.Base(path)}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		names = append(names, filepath.Base(target))
	}
	for _, name := range names {
		switch {
		case strings.Contains(name, Runc):
			return runcFlavour
		case strings.Contains(name, Crun):
			return crunFlavour
		}
	}
	return crunFlavour
}
