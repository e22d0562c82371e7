package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/berth-oci/berth/spec"
)

// Validate finds every problem of the bundle in dir for a platform (spec.Linux or spec.FreeBSD).
// The Bundle is nil if its config.json is not a JSON object. Its Spec may be incomplete if there
// are problems of level Error. The error is not nil if the bundle cannot be read at all.
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
	if platform == spec.Platform {
		problems = append(problems, b.absent(platform)...)
	}
	return b, problems, nil
}

// abs returns a path of the config as an absolute one: it is relative to the bundle.
func (b *Bundle) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(b.Dir, path)
}

// absent reports the files on the host that config.json names and that do not exist: sources of
// bind mounts, and the programs of hooks. It skips files that the caller has no permission to look
// up.
func (b *Bundle) absent(platform string) (ps spec.Problems) {
	look := func(level spec.Level, path, file, what, ref string, stat func(string) (fs.FileInfo, error)) {
		if file == "" {
			return
		}
		file = b.abs(file)
		switch _, err := stat(file); {
		case err == nil, errors.Is(err, fs.ErrPermission):
		case errors.Is(err, fs.ErrNotExist):
			ps = append(ps, spec.Problem{Path: path, Level: level, Message: fmt.Sprintf("%.300q does not exist: it must be %s", file, what), Ref: ref})
		default:
			ps = append(ps, spec.Problem{Path: path, Level: level, Message: fmt.Sprintf("%.300q must be %s: %v", file, what, errors.Unwrap(err)), Ref: ref})
		}
	}
	for i, m := range b.Spec.Mounts {
		switch {
		case platform == spec.Linux && (spec.IsBind(m) || m.Type == "bind"), platform == spec.FreeBSD && m.Type == "nullfs":
			stat := os.Stat
			if slices.Contains(m.Options, "src-nofollow") || slices.Contains(m.Options, "copy-symlink") {
				stat = os.Lstat // the mount's source is the link itself
			}
			if spec.SourceInRoot(b.Rootfs, b.abs(m.Source), true, b.Spec.Mounts[:i]) != "" {
				continue // an earlier mount may make it
			}
			look(spec.Error, fmt.Sprintf("mounts[%d].source", i), m.Source, "the source of the mount", "config.md#mounts", stat)
		}
	}
	for _, kind := range spec.HookKinds {
		level := spec.Error
		switch kind {
		case spec.StartContainer:
			continue // its path is in the container
		case spec.Poststop:
			level = spec.Warning // delete only logs its failure
		}
		for i, h := range spec.Hooks(b.Spec, kind) {
			look(level, fmt.Sprintf("hooks.%s[%d].path", kind, i), h.Path, "the hook's program", "config.md#posix-platform-hooks", os.Stat)
		}
	}
	return ps
}

// checkRootfs returns an error if path is not a directory: "A directory MUST exist at the path
// declared by the field" (config.md#root).
func checkRootfs(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist: it must be a directory", path)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", path)
	}
	return nil
}
