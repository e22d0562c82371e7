package process

import (
	"errors"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// MakeCwd creates the working directory if the image has none, as runc does. The container's root
// must be in place and still writable. If a file is in the way or the root is read-only, MakeCwd
// returns nil and Prepare reports the error.
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

// EnterCwd changes to the working directory. Root in the container may have access where the user
// has none. The user may have access where root has none, because the user namespace does not map
// the directory's owner. If again is true, permission was denied and the caller tries once more as
// the user.
func (a *Basics) EnterCwd() (again bool, err error) {
	err = unix.Chdir(a.Cwd)
	if errors.Is(err, os.ErrPermission) {
		return true, nil
	}
	return false, cwdError(a.Cwd, err)
}

// RetryCwd changes to the working directory as the user, if EnterCwd returned again.
func (a *Basics) RetryCwd(again bool) error {
	if !again {
		return nil
	}
	return cwdError(a.Cwd, unix.Chdir(a.Cwd))
}

// FinishCwd calls RetryCwd and then checks that the working directory is within the container's
// root. A path like /proc/self/fd/7 could lead out of it (CVE-2024-21626).
func (a *Basics) FinishCwd(again bool) error {
	if err := a.RetryCwd(again); err != nil {
		return err
	}
	// Getwd fails with ENOENT where the kernel's path starts with "(unreachable)" (getcwd(3)).
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
