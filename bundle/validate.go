package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/berth-oci/berth/spec"
)

// Validate finds every problem of the bundle in dir for a platform
// (spec.Linux or spec.FreeBSD). The Bundle is nil if its config.json is not even
// a JSON object; its Spec may be incomplete where there are problems of level
// Error. The error is for a bundle that cannot be read at all.
func Validate(dir, platform string) (*Bundle, spec.Problems, error) {
	abs, err := locate(dir)
	if err != nil {
		return nil, nil, err
	}
	data, err := spec.Read(abs)
	if err != nil {
		return nil, nil, fmt.Errorf("bundle %s: %w", abs, err)
	}
	s, problems := spec.Validate(data, platform)
	if s == nil {
		return nil, problems, nil
	}
	b := newBundle(abs, s)
	if b.Rootfs != "" {
		if err := checkRootfs(b.Rootfs); err != nil {
			problems = append(problems, spec.Problem{Path: "root.path", Level: spec.Error, Message: err.Error(), Ref: "config.md#root"})
		}
	}
	return b, problems, nil
}

// checkRootfs: "A directory MUST exist at the path declared by the field"
// (config.md#root).
func checkRootfs(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist: a directory must be there", path)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", path)
	}
	return nil
}
