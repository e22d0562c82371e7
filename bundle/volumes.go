package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-tools/generate"
	"golang.org/x/sys/unix"
)

// mountVolumes adds a tmpfs for each volume of an image, with the content, mode and owner of the
// image's directory (conversion.md#configvolumes).
func mountVolumes(g *generate.Generator, rootfs string, volumes map[string]struct{}) error {
	for _, name := range slices.Sorted(maps.Keys(volumes)) {
		at := path.Join("/", name)
		if at == "/" {
			return fmt.Errorf("the image has its root as a volume (config.Volumes): use --volumes directory")
		}
		m := specs.Mount{Destination: at, Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev"}}
		attributes, err := directoryOptions(rootfs, at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			m.Options = append(m.Options, "mode=0755")
		case err != nil:
			return fmt.Errorf("volume %s of the image: %w", at, err)
		default:
			m.Options = append(m.Options, attributes...)
		}
		g.AddMount(m)
	}
	return nil
}

// directoryOptions returns the tmpfs(5) options for a copy of a directory.
func directoryOptions(rootfs, at string) ([]string, error) {
	f, err := openInside(rootfs, at)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok {
		return nil, errors.New("not a directory")
	}
	return []string{
		"tmpcopyup", fmt.Sprintf("mode=%04o", uint32(st.Mode)&0o7777),
		fmt.Sprintf("uid=%d", st.Uid), fmt.Sprintf("gid=%d", st.Gid),
	}, nil
}

// makeVolumes creates the directories of volumes that the image does not have.
func makeVolumes(rootfs string, volumes map[string]struct{}) error {
	for _, name := range slices.Sorted(maps.Keys(volumes)) {
		at := path.Join("/", name)
		if err := makeInside(rootfs, at); err != nil {
			return fmt.Errorf("make a directory for volume %s of the image: %w", at, err)
		}
	}
	return nil
}

// makeInside creates a directory and its parents in a root file system, unless there is something of
// that name. Symbolic links never lead out of the root.
func makeInside(rootfs, at string) error {
	f, err := openInside(rootfs, at)
	if !errors.Is(err, fs.ErrNotExist) || at == "/" {
		if err == nil {
			f.Close()
		}
		return err
	}
	parent, name := path.Split(at)
	if err := makeInside(rootfs, path.Clean(parent)); err != nil {
		return err
	}
	dir, err := openInside(rootfs, path.Clean(parent))
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Mkdirat(int(dir.Fd()), name, 0o755); err != nil {
		return &fs.PathError{Op: "mkdir", Path: at, Err: err}
	}
	return nil
}
