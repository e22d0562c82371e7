//go:build testhost

package bundle

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// describe returns a description of each file below a directory: kind, mode, owner, modification
// time, links, extended attributes, content, and which other names are the same file.
func describe(t *testing.T, root string) map[string]string { return shifted(t, root, 0) }

// shifted is describe for the tree of a user namespace whose IDs begin at the host ID by.
func shifted(t *testing.T, root string, by uint32) map[string]string {
	t.Helper()
	files := map[string]string{}
	links := map[uint64][]string{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if name == "." {
			return nil // podman's storage makes a new root directory with mode 0555
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		text := fmt.Sprintf("%06o %d:%d %d.%09d", st.Mode, st.Uid-by, st.Gid-by, st.Mtim.Sec, st.Mtim.Nsec)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			text += fmt.Sprintf(" %d bytes %s", st.Size, contentSum(t, path))
			if st.Nlink > 1 {
				links[st.Ino] = append(links[st.Ino], name)
			}
		case unix.S_IFLNK:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			text += " -> " + target
		case unix.S_IFCHR, unix.S_IFBLK:
			text += fmt.Sprintf(" device %x", st.Rdev)
		}
		files[name] = text + xattrsOf(t, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range links {
		if len(names) == 1 {
			continue // the other name is in a lower layer and hidden
		}
		sort.Strings(names)
		for _, name := range names {
			files[name] += " same as " + strings.Join(names, ", ")
		}
	}
	return files
}

func contentSum(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:8])
}

// xattrsOf lists extended attributes except the overlay's own.
func xattrsOf(t *testing.T, path string) string {
	t.Helper()
	buffer := make([]byte, 4096)
	n, err := unix.Llistxattr(path, buffer)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	names := strings.FieldsFunc(string(buffer[:n]), func(r rune) bool { return r == 0 })
	sort.Strings(names)
	text := ""
	for _, name := range names {
		if strings.HasPrefix(name, "trusted.overlay.") {
			continue
		}
		value := make([]byte, 4096)
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			t.Fatalf("%s: %s: %v", path, name, err)
		}
		if name == "security.capability" {
			// In a user namespace the kernel stores the revision 3 format with the root's uid
			// (capabilities(7)): it changes the revision byte and appends four bytes.
			n = min(n, 20)
			value[0] = 0
			value[3] = 0
		}
		text += fmt.Sprintf(" %s=%q", name, value[:n])
	}
	return text
}

// differences compares two descriptions.
func differences(got, want map[string]string) []string {
	var list []string
	for name, text := range want {
		if got[name] != text {
			list = append(list, fmt.Sprintf("%s:\n\tgot  %s\n\twant %s", name, got[name], text))
		}
	}
	for name, text := range got {
		if _, ok := want[name]; !ok {
			list = append(list, fmt.Sprintf("%s: too much: %s", name, text))
		}
	}
	sort.Strings(list)
	return list
}
