package link

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// FuzzReceive sends arbitrary data to create's end of the connection, with descriptors somewhere in
// it. ReceiveFiles must return a message with as many files as its header says, or an error. No
// descriptor may leak.
func FuzzReceive(f *testing.F) {
	message := func(files int, v any) []byte {
		data, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		head := binary.LittleEndian.AppendUint32(nil, uint32(len(data)))
		head = binary.LittleEndian.AppendUint32(head, uint32(files))
		if files > 0 {
			head = append(head, 0)
		}
		return append(head, data...)
	}
	plain, passed := message(0, Event{Kind: EventReady, Pid: 7}), message(3, Event{Kind: EventHooks})
	f.Add(plain, uint8(0), uint16(0))
	f.Add(passed, uint8(3), uint16(8))
	f.Add(passed, uint8(2), uint16(8))  // fewer than the header says
	f.Add(passed, uint8(9), uint16(8))  // more
	f.Add(passed, uint8(3), uint16(12)) // beside the wrong byte
	f.Add(passed[:10], uint8(3), uint16(8))
	f.Add(plain[:5], uint8(1), uint16(2))
	f.Add(message(200, "x"), uint8(128), uint16(8))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, uint8(0), uint16(0))
	f.Add([]byte{2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, '{', '}'}, uint8(250), uint16(8))
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 0}, uint8(0), uint16(0)) // 16 MiB that never arrive
	f.Add(message(128, AnswerFree), uint8(128), uint16(8))     // files that nobody expects
	null, err := os.Open(os.DevNull)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { null.Close() })
	f.Fuzz(func(t *testing.T, data []byte, files uint8, at uint16) {
		before := descriptors(t)
		for _, receive := range []func(c Conn){
			func(c Conn) {
				var e Event
				got, err := c.ReceiveFiles(&e)
				if want := int(binary.LittleEndian.Uint32(append(data, make([]byte, 8)...)[4:])); err == nil && len(got) != want {
					t.Errorf("%d files instead of %d", len(got), want)
				}
				for _, file := range got {
					file.Close()
				}
			},
			func(c Conn) { _, _ = reported(c, func(*os.File) error { return nil }) },
			func(c Conn) { _ = c.Await(AnswerFree) },
			func(c Conn) { _ = (&Host{Conn: c}).Said() },
		} {
			send(t, data, null, int(files), int(at), receive)
		}
		if after := descriptors(t); after != before {
			t.Fatalf("%d descriptors are open, %d were", after, before)
		}
	})
}

// send writes data, with files beside the byte at index at, and closes its end.
func send(t *testing.T, data []byte, file *os.File, files, at int, receive func(Conn)) {
	t.Helper()
	ours, theirs, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer ours.Close()
		if at = min(at, len(data)); files == 0 || at == len(data) {
			_ = ours.write(data)
			return
		}
		fds := make([]int, files)
		for i := range fds {
			fds[i] = int(file.Fd())
		}
		if ours.write(data[:at]) != nil || Retry(func() error {
			return unix.Sendmsg(ours.FD, data[at:at+1], unix.UnixRights(fds...), nil, unix.MSG_NOSIGNAL)
		}) != nil {
			return
		}
		_ = ours.write(data[at+1:])
	}()
	receive(theirs)
	theirs.Close()
	<-done
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
