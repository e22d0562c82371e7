package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReceiveCloses checks that Receive and ReceiveFiles close the files of a bad message. The files are read ends
// of a pipe: poll on the write end shows whether a process still holds the read end.
func TestReceiveCloses(t *testing.T) {
	head := func(size, count uint32) []byte {
		return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, size), count)
	}
	type step struct {
		data  []byte
		files int
	}
	for name, c := range map[string]struct {
		steps []step
		limit uint64 // on the receiver's open files; 0 for no limit
		want  string
		plain bool // Receive and not ReceiveFiles
	}{
		"bad JSON":                  {[]step{{head(3, 2), 0}, {[]byte{0}, 2}, {[]byte("{x}"), 0}}, 0, "invalid character", false},
		"the wrong type":            {[]step{{head(2, 1), 0}, {[]byte{0}, 1}, {[]byte("[]"), 0}}, 0, "cannot unmarshal", false},
		"an end before the value":   {[]step{{head(9, 2), 0}, {[]byte{0}, 2}, {[]byte("{"), 0}}, 0, ErrPeerGone.Error(), false},
		"an end after the files":    {[]step{{head(9, 2), 0}, {[]byte{0}, 2}}, 0, ErrPeerGone.Error(), false},
		"an end before the files":   {[]step{{head(9, 2), 0}}, 0, ErrPeerGone.Error(), false},
		"too few":                   {[]step{{head(2, 3), 0}, {[]byte{0}, 2}, {[]byte("{}"), 0}}, 0, "received 2 descriptors instead of 3", false},
		"too many":                  {[]step{{head(2, 1), 0}, {[]byte{0}, 2}, {[]byte("{}"), 0}}, 0, "received 2 descriptors instead of", false},
		"the second batch short":    {[]step{{head(2, 130), 0}, {[]byte{0}, 128}, {[]byte{0}, 1}, {[]byte("{}"), 0}}, 0, "received 1 descriptors instead of 2", false},
		"no room for all":           {[]step{{head(2, 9), 0}, {[]byte{0}, 9}, {[]byte("{}"), 0}}, 4, errTruncated, false},
		"files that nobody expects": {[]step{{head(2, 2), 0}, {[]byte{0}, 2}, {[]byte("{}"), 0}}, 0, "received 2 descriptors with a message that must have none", true},
	} {
		t.Run(name, func(t *testing.T) {
			host, inside, err := Pair()
			if err != nil {
				t.Fatal(err)
			}
			defer host.Close()
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			for _, s := range c.steps {
				var rights []byte
				if s.files > 0 {
					fds := make([]int, s.files)
					for i := range fds {
						fds[i] = int(r.Fd())
					}
					rights = unix.UnixRights(fds...)
				}
				if err := unix.Sendmsg(inside.FD, s.data, rights, nil, 0); err != nil {
					t.Fatal(err)
				}
			}
			inside.Close()
			r.Close()
			if c.limit > 0 {
				defer few(t, c.limit)()
			}
			var v struct{}
			if c.plain {
				err = host.Receive(&v)
			} else {
				var files []*os.File
				if files, err = host.ReceiveFiles(&v); files != nil {
					t.Errorf("%d files beside %v", len(files), err)
				}
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want an error with %q", err, c.want)
			}
			fds := []unix.PollFd{{Fd: int32(w.Fd())}}
			if _, err := unix.Poll(fds, 0); err != nil || fds[0].Revents&unix.POLLERR == 0 {
				t.Errorf("somebody still holds what was sent (%v, %#x)", err, fds[0].Revents)
			}
		})
	}
}

const errTruncated = "descriptors were lost"

// few leaves room for that many more descriptors, until the function that it returns is called.
func few(t *testing.T, room uint64) func() {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	free, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(free)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(free) + room, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSendReceive sends messages of all sizes with any number of files, which arrive in their order.
func TestSendReceive(t *testing.T) {
	t.Parallel()
	var all []*os.File
	for range 300 {
		fd, err := unix.MemfdCreate("sent", unix.MFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, os.NewFile(uintptr(fd), "sent"))
	}
	t.Cleanup(func() { closeAll(all) })
	for _, c := range []struct{ text, files int }{
		{0, 0}, {1, 1}, {10, 127}, {10, 128}, {10, 129}, {10, 256}, {1 << 20, 300}, {3 << 20, 0},
	} {
		t.Run(fmt.Sprintf("%d bytes and %d files", c.text, c.files), func(t *testing.T) {
			t.Parallel()
			want := strings.Repeat("\x00x", c.text)
			h, wait := firstProcess(t, func(conn Conn) error {
				// Two messages show that the first one has been read to its end.
				return errors.Join(conn.Send(want, all[:c.files]...), conn.Send("the next"))
			})
			var text, next string
			files, err := h.Conn.ReceiveFiles(&text)
			defer closeAll(files)
			if err != nil || text != want || len(files) != c.files {
				t.Fatalf("%d bytes and %d files arrived, %v", len(text), len(files), err)
			}
			for i, f := range files {
				if same(t, f, all[i]); f.Fd() == all[i].Fd() {
					t.Errorf("file %d is no duplicate", i)
				}
			}
			if err := h.Conn.Receive(&next); err != nil || next != "the next" {
				t.Errorf("%q arrived after it, %v", next, err)
			}
			wait()
		})
	}
}

// same fails if a and b are different files, or if a program that is started would inherit a.
func same(t *testing.T, a, b *os.File) {
	t.Helper()
	var sa, sb unix.Stat_t
	if err := errors.Join(unix.Fstat(int(a.Fd()), &sa), unix.Fstat(int(b.Fd()), &sb)); err != nil {
		t.Fatal(err)
	}
	flags, err := unix.FcntlInt(a.Fd(), unix.F_GETFD, 0)
	if sa.Ino != sb.Ino || sa.Dev != sb.Dev || err != nil || flags != unix.FD_CLOEXEC {
		t.Errorf("inode %d and not %d, flags %#x, %v", sa.Ino, sb.Ino, flags, err)
	}
}

func TestSendFails(t *testing.T) {
	t.Parallel()
	closed, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, c := range map[string]struct {
		value any
		files []*os.File
		gone  bool
		want  string
	}{
		"no JSON":               {value: func() {}, want: "json: unsupported type: func()"},
		"a closed file":         {value: "", files: []*os.File{closed}, want: "bad file descriptor"},
		"nobody":                {value: "", gone: true, want: ErrPeerGone.Error()},
		"nobody wants the file": {value: "", files: []*os.File{os.Stdin}, gone: true, want: ErrPeerGone.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours, theirs, err := Pair()
			if err != nil {
				t.Fatal(err)
			}
			defer ours.Close()
			if c.gone {
				theirs.Close()
			} else {
				defer theirs.Close()
			}
			if err := ours.Send(c.value, c.files...); say(err) != c.want {
				t.Errorf("%v\nwant: %s", err, c.want)
			}
		})
	}
}

// TestRetry checks that an interrupted call is repeated, and no other.
func TestRetry(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		results []error
		want    error
	}{
		{[]error{nil, unix.EIO}, nil},
		{[]error{unix.EIO, nil}, unix.EIO},
		{[]error{unix.EINTR, os.NewSyscallError("read", unix.EINTR), nil, unix.EIO}, nil},
		{[]error{unix.EINTR, unix.EAGAIN}, unix.EAGAIN},
	} {
		left := c.results
		err := Retry(func() error {
			defer func() { left = left[1:] }()
			return left[0]
		})
		if !errors.Is(err, c.want) {
			t.Errorf("%v: %v", c.results, err)
		}
	}
}
