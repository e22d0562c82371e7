package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/user"
	"golang.org/x/sys/unix"
)

// Environment returns Env with the variables that only the process itself can set: HOME, if it is
// unset, and LISTEN_FDS and LISTEN_PID, if ListenFDs is not 0.
func (a *Basics) Environment() []string {
	env := slices.Clone(a.Env)
	if _, ok := lookupEnv(env, "HOME"); !ok {
		env = append(env, "HOME="+homeOf(a.UID))
	}
	if a.ListenFDs > 0 {
		env = slices.DeleteFunc(env, func(entry string) bool {
			name, _, _ := strings.Cut(entry, "=")
			return name == "LISTEN_FDS" || name == "LISTEN_PID"
		})
		env = append(env, "LISTEN_FDS="+strconv.Itoa(a.ListenFDs), "LISTEN_PID="+strconv.Itoa(unix.Getpid()))
	}
	return env
}

func lookupEnv(env []string, name string) (value string, ok bool) {
	for _, entry := range env {
		if n, v, _ := strings.Cut(entry, "="); n == name {
			return v, true
		}
	}
	return "", false
}

const (
	passwd = "/etc/passwd"
	// passwdMax bounds how much of the passwd file is read, because the image controls that file.
	passwdMax   = 8 << 20
	defaultHome = "/"
)

// homeOf returns the home directory of uid from the container's /etc/passwd. It returns "/" if the
// file has no entry for uid or cannot be read. As in runc this is not an error.
func homeOf(uid uint32) string {
	file, err := openRegular(passwd)
	if err != nil {
		return defaultHome
	}
	defer file.Close()
	users, err := user.ParsePasswdFilter(io.LimitReader(file, passwdMax), func(u user.User) bool {
		return int64(u.Uid) == int64(uid)
	})
	if err != nil || len(users) == 0 || strings.IndexByte(users[0].Home, 0) >= 0 {
		return defaultHome
	}
	return users[0].Home
}

var errNotRegular = errors.New("not a regular file")

// openRegular opens a regular file of the container for reading. It does not block if the path is a
// FIFO or a device.
func openRegular(name string) (*os.File, error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	file := os.NewFile(uintptr(fd), name)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		_ = file.Close()
		return nil, fmt.Errorf("read %s: %w", name, errNotRegular)
	}
	return file, nil
}

// LookPath finds the program in the PATH of env, the program's environment. The caller must already
// run as the user. LookPath sets the PATH of the calling process.
func LookPath(name string, env []string) (string, error) {
	path, _ := lookupEnv(env, "PATH")
	if err := os.Setenv("PATH", path); err != nil {
		return "", fmt.Errorf("set PATH: %w", err)
	}
	return exec.LookPath(name)
}
