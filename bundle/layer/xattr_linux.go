package layer

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// setXattrs sets the extended attributes in list, through the descriptor fd if it is not negative.
// If the file existed before, setXattrs removes the attributes that are not in list, except for
// those that belong to the host.
func setXattrs(p place, fd int, list map[string]string, existed bool) error {
	if len(list) == 0 && !existed {
		return nil
	}
	// No system call sets extended attributes by a directory's descriptor and a name.
	path := fmt.Sprintf("/proc/self/fd/%d/%s", p.dir, p.name)
	if existed {
		if err := clearXattrs(path, list); err != nil {
			return err
		}
	}
	for name, value := range list {
		var err error
		if fd >= 0 {
			err = unix.Fsetxattr(fd, name, []byte(value), 0)
		} else {
			err = unix.Lsetxattr(path, name, []byte(value), 0)
		}
		if errors.Is(err, unix.ENOTSUP) {
			return fmt.Errorf("set extended attribute %s: the bundle's file system does not support it", name)
		}
		if err != nil {
			return fmt.Errorf("set extended attribute %s: %w", name, err)
		}
	}
	return nil
}

func clearXattrs(path string, but map[string]string) error {
	names, err := listXattrs(path)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, stays := but[name]; stays || !carried(name) {
			continue
		}
		if err := unix.Lremovexattr(path, name); err != nil && !errors.Is(err, unix.ENODATA) {
			return fmt.Errorf("remove extended attribute %s: %w", name, err)
		}
	}
	return nil
}

// listXattrs returns the names of a file's extended attributes. It returns none if the file system
// does not support them.
func listXattrs(path string) ([]string, error) {
	buffer := make([]byte, 1024)
	for {
		n, err := unix.Llistxattr(path, buffer)
		switch {
		case errors.Is(err, unix.ERANGE):
			buffer = make([]byte, 2*len(buffer))
			continue
		case errors.Is(err, unix.ENOTSUP):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("list extended attributes: %w", err)
		}
		return strings.FieldsFunc(string(buffer[:n]), func(r rune) bool { return r == 0 }), nil
	}
}

func getXattr(path, name string) (string, error) {
	buffer := make([]byte, 256)
	for {
		n, err := unix.Lgetxattr(path, name, buffer)
		switch {
		case errors.Is(err, unix.ERANGE):
			buffer = make([]byte, 4*len(buffer))
			continue
		case err != nil:
			return "", fmt.Errorf("read extended attribute %s: %w", name, err)
		}
		return string(buffer[:n]), nil
	}
}
