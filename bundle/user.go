package bundle

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"

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
	// The library takes what is no number for 0, and numbers as they come
	// (CVE-2024-40635).
	users, err := wellFormed(passwd, 2, 3)
	if err != nil {
		return nil, fmt.Errorf("/etc/passwd of the image: %w", err)
	}
	groups, err := wellFormed(group, 2)
	if err != nil {
		return nil, fmt.Errorf("/etc/group of the image: %w", err)
	}
	u, err := user.GetExecUser(who, nil, users, groups)
	if err != nil {
		return nil, fmt.Errorf("user %.100q of the image: %w%s%s", who, err, users.without(), groups.without())
	}
	found := &specs.User{}
	for _, id := range []struct {
		from int
		to   *uint32
	}{{u.Uid, &found.UID}, {u.Gid, &found.GID}} {
		if *id.to, err = kernelID(strconv.Itoa(id.from)); err != nil {
			return nil, fmt.Errorf("user %.100q of the image: %w", who, err)
		}
	}
	for _, gid := range u.Sgids {
		further, err := kernelID(strconv.Itoa(gid))
		if err != nil {
			return nil, fmt.Errorf("groups of user %.100q of the image: %w", who, err)
		}
		if gid != u.Gid {
			found.AdditionalGids = append(found.AdditionalGids, further)
		}
	}
	return found, nil
}

// kernelID is a uid or gid as the kernel has it: 32 bits, of which the highest value
// means none (chown(2)).
func kernelID(text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil || id == math.MaxUint32 {
		return 0, fmt.Errorf("%.40q is no uid or gid", text)
	}
	return uint32(id), nil
}

// account is a file of accounts without the lines that are none.
type account struct {
	bytes.Buffer
	dropped int
}

// wellFormed leaves out the lines whose fields of these numbers are no ids.
func wellFormed(r io.Reader, ids ...int) (*account, error) {
	a := &account{}
	lines := bufio.NewScanner(io.LimitReader(r, maxAccounts))
	lines.Buffer(nil, maxAccounts+1) // a group can have many members
	for lines.Scan() {
		fields := strings.Split(strings.TrimSpace(lines.Text()), ":")
		if slices.ContainsFunc(ids, func(n int) bool {
			if n >= len(fields) {
				return true
			}
			_, err := kernelID(fields[n])
			return err != nil
		}) {
			a.dropped++
			continue
		}
		a.WriteString(lines.Text() + "\n")
	}
	return a, lines.Err()
}

// without says that lines were left out, for whoever misses one.
func (a *account) without() string {
	if a.dropped == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d lines without a uid or gid, a number below %d, are not looked at)", a.dropped, uint32(math.MaxUint32))
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
