package bundle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/moby/sys/user"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// maxAccounts bounds what is read of /etc/passwd and /etc/group, in bytes.
const maxAccounts = 16 << 20

// resolveUser finds NAME|UID[:GROUP|GID] in the accounts of a root file system,
// and the further groups of a user who is named without one (config.md,
// "User").
func resolveUser(rootfs, who string) (*specs.User, error) {
	passwd, err := accounts(rootfs, "/etc/passwd")
	if err != nil {
		return nil, err
	}
	defer passwd.Close()
	group, err := accounts(rootfs, "/etc/group")
	if err != nil {
		return nil, err
	}
	defer group.Close()
	u, err := user.GetExecUser(who, nil, io.LimitReader(passwd, maxAccounts), io.LimitReader(group, maxAccounts))
	if err != nil {
		return nil, fmt.Errorf("user %.100q of the image: %w", who, err)
	}
	if u.Uid < 0 || u.Gid < 0 {
		return nil, fmt.Errorf("user %.100q of the image has the ids %d:%d", who, u.Uid, u.Gid)
	}
	found := &specs.User{UID: uint32(u.Uid), GID: uint32(u.Gid)}
	for _, gid := range u.Sgids {
		if gid >= 0 && gid != u.Gid {
			found.AdditionalGids = append(found.AdditionalGids, uint32(gid))
		}
	}
	return found, nil
}

// accounts opens a file inside a root file system, or an empty one if it is not
// there.
func accounts(rootfs, path string) (io.ReadCloser, error) {
	f, err := openInside(rootfs, path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotDir) {
		return io.NopCloser(emptyReader{}), nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s of the image: %w", path, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s of the image: %w", path, err)
	}
	return f, nil
}

type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, io.EOF }
