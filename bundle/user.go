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

// maxAccounts is the largest part of /etc/passwd and of /etc/group that is read, in bytes.
const maxAccounts = 16 << 20

// resolveUser looks up NAME|UID[:GROUP|GID] in the accounts of a root file system (config.md of the
// image specification, "User"). A user given without a group also gets the supplementary groups in
// /etc/group.
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
	// The library reads a field that is not a number as 0, and accepts numbers of any size
	// (CVE-2024-40635).
	users, err := wellFormed(passwd, 2, 3)
	if err != nil {
		return nil, fmt.Errorf("read /etc/passwd of the image: %w", err)
	}
	groups, err := wellFormed(group, 2)
	if err != nil {
		return nil, fmt.Errorf("read /etc/group of the image: %w", err)
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

// kernelID parses a uid or gid. The kernel's ids have 32 bits, and the highest value means no id
// (chown(2)).
func kernelID(text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil || id == math.MaxUint32 {
		return 0, fmt.Errorf("%.40q is not a valid uid or gid", text)
	}
	return uint32(id), nil
}

// account holds a file of accounts without its malformed lines. dropped is the number of those.
type account struct {
	bytes.Buffer
	dropped int
}

// wellFormed reads accounts and drops the lines with an invalid uid or gid. ids holds the indexes
// of the fields to check.
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

// without returns a note about the dropped lines for an error message, or "" if there are none.
func (a *account) without() string {
	if a.dropped == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d lines are ignored, because they have no uid or gid that is a number less than %d)", a.dropped, uint32(math.MaxUint32))
}

// accounts opens a file in a root file system. If the file does not exist, it returns an empty
// reader.
func accounts(rootfs, path string) (io.ReadCloser, error) {
	f, err := openInside(rootfs, path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotDir) {
		return io.NopCloser(emptyReader{}), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s of the image: %w", path, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("read %s of the image: %w", path, err)
	}
	return f, nil
}

type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, io.EOF }
