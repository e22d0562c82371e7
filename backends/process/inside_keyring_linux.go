package process

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// These are permission bits of keyctl_setperm(3). A process that enters the container later has
	// to find its keyring.
	keyOtherSearch = 0x00000008
	keyUserSearch  = 0x00080000
)

// joinKeyring joins the container's session keyring in place of the caller's. ENOSYS is not an
// error: the kernel has no keyrings, or an outer container hides them, so nothing is shared.
func (a *Attributes) joinKeyring(proc *procfs) error {
	if a.Keyring == "" {
		return nil
	}
	if a.SELinuxLabel != "" {
		if err := proc.write("thread-self/attr/keycreate", a.SELinuxLabel); err != nil {
			return fmt.Errorf("set the label of new keys: %w", err)
		}
		defer func() { _ = proc.write("thread-self/attr/keycreate", "\x00") }()
	}
	id, err := unix.KeyctlJoinSessionKeyring(a.Keyring)
	if errors.Is(err, unix.ENOSYS) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("unable to join session keyring %q: %w", a.Keyring, err)
	}
	perm, err := keyPermissions(id)
	if err == nil {
		// With a user namespace, a process that enters it has another uid.
		search := uint32(keyUserSearch)
		if a.UserNamespace {
			search = keyOtherSearch
		}
		if perm&search == 0 {
			err = unix.KeyctlSetperm(id, perm|search)
		}
	}
	if err != nil {
		return fmt.Errorf("unable to mod keyring permissions of %q: %w", a.Keyring, err)
	}
	return nil
}

// keyPermissions parses the permissions from the "type;uid;gid;perm;description" of KEYCTL_DESCRIBE
// (keyctl_describe(3)).
func keyPermissions(id int) (uint32, error) {
	text, err := unix.KeyctlString(unix.KEYCTL_DESCRIBE, id)
	if err != nil {
		return 0, fmt.Errorf("describe key %d: %w", id, err)
	}
	fields := strings.SplitN(text, ";", 5)
	if len(fields) < 5 {
		return 0, fmt.Errorf("describe key %d: unexpected answer %q", id, text)
	}
	perm, err := strconv.ParseUint(fields[3], 16, 32)
	if err != nil {
		return 0, fmt.Errorf("describe key %d: unexpected permissions %q", id, fields[3])
	}
	return uint32(perm), nil
}
