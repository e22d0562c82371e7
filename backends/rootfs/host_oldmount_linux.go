package rootfs

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/osthread"
)

// needsOldMount reports whether only mount(2) can make a mount. fsconfig(2) takes at most 255 bytes
// per value, has no MS_I_VERSION, and does not resolve backslash escapes in overlay's paths.
func needsOldMount(o options, plan *Mount) bool {
	if o.flags&(unix.MS_I_VERSION|unix.MS_SILENT) != 0 || len(plan.Source) > 255 {
		return true
	}
	for _, p := range plan.Options {
		if len(p.Value) > 255 || strings.Contains(p.Value, `\`) {
			return true
		}
	}
	return false
}

// oldMount makes a file system with mount(2) and returns it as a detached mount. It mounts it on
// directory, which can be any existing directory, in a temporary mount namespace.
func oldMount(directory, typ, source string, flags uint64, params []Param) (fd int, err error) {
	words := make([]string, 0, len(params))
	for _, p := range params {
		if isLabelKey(p.Key) {
			p.Value = `"` + p.Value + `"`
		}
		words = append(words, p.String())
	}
	err = osthread.Run(func() error { // the mount namespace ends with the thread
		if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("unshare(CLONE_NEWNS): %w", err)
		}
		if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("make / a slave: %w", err)
		}
		if err := unix.Mount(source, directory, typ, uintptr(flags), strings.Join(words, ",")); err != nil {
			return fmt.Errorf("mount %s %q: %w", typ, source, err)
		}
		fd, err = openTreeClone(unix.AT_FDCWD, directory, false, true)
		if err != nil {
			return fmt.Errorf("open_tree of new %s: %w", typ, err)
		}
		return nil
	})
	return fd, err
}
