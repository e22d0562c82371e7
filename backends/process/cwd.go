package process

import (
	"errors"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// MakeCwd makes the working directory where the image has none, as runc does. It is for the moment when the container's
// root is in place, and still writable. What stands in the way is left for Prepare to report.
func (a *Basics) MakeCwd() error {
	err := os.MkdirAll(path.Clean(a.Cwd), 0o755)
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EROFS) {
		return nil
	}
	if err != nil {
		return spec.Fieldf("process.cwd", "make cwd (%q) set in config.json: %w", a.Cwd, err)
	}
	return nil
}

// EnterCwd changes to the working directory. Root in the container may see more than the user, and the user more than
// a root whose user namespace does not map the directory's owner: again says that the user is to try.
func (a *Basics) EnterCwd() (again bool, err error) {
	err = unix.Chdir(a.Cwd)
	if errors.Is(err, os.ErrPermission) {
		return true, nil
	}
	return false, cwdError(a.Cwd, err)
}

// RetryCwd is the user's part of it.
func (a *Basics) RetryCwd(again bool) error {
	if !again {
		return nil
	}
	return cwdError(a.Cwd, unix.Chdir(a.Cwd))
}

// FinishCwd is RetryCwd, and makes sure that the directory is within the container's root: a path like
// /proc/self/fd/7 could lead out of it (CVE-2024-21626).
func (a *Basics) FinishCwd(again bool) error {
	if err := a.RetryCwd(again); err != nil {
		return err
	}
	// Getwd fails with ENOENT where the kernel says "(unreachable)" (getcwd(3)).
	switch wd, err := unix.Getwd(); {
	case errors.Is(err, unix.ENOENT):
		return spec.Fieldf("process.cwd", "current working directory is outside of container mount namespace root -- possible container breakout detected")
	case err != nil:
		return spec.Fieldf("process.cwd", "failed to verify if current working directory is safe: %w", err)
	case !path.IsAbs(wd):
		return spec.Fieldf("process.cwd", "current working directory is not absolute -- possible container breakout detected: cwd is %q", wd)
	}
	return nil
}

func cwdError(cwd string, err error) error {
	if err != nil {
		return spec.Fieldf("process.cwd", "chdir to cwd (%q) set in config.json failed: %w", cwd, err)
	}
	return nil
}
