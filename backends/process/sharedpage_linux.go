package process

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Board is memory that a child of Fork has in common with those who wait for it.
//
// Once its seccomp filter is loaded every system call of the child's could be one
// that waits for the filter's listener, so that it makes none until the listener
// has been passed on: it writes the listener's number here, and looks for an
// answer here. And a process that has its child born in another pid namespace
// leaves that one's pid here, in a page which the child does not get.
type SharedPage struct {
	// file carries the board to another process.
	file *os.File
	page []byte
}

const (
	pageSize       = 4096
	sharedPageSize = 2 * pageSize
)

// The words of a board; wordChild has the second page for itself.
const (
	wordListener = iota
	wordTaken
	wordReleased
	wordChild = pageSize / 4
)

// NewBoard makes a board.
func NewSharedPage() (*SharedPage, error) {
	fd, err := unix.MemfdCreate("listener", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	file := os.NewFile(uintptr(fd), "listener")
	if err := unix.Ftruncate(fd, sharedPageSize); err != nil {
		file.Close()
		return nil, fmt.Errorf("ftruncate: %w", err)
	}
	return OpenSharedPage(file)
}

// OpenBoard takes over File of a board that another process has made.
func OpenSharedPage(file *os.File) (*SharedPage, error) {
	page, err := unix.Mmap(int(file.Fd()), 0, sharedPageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("mmap: %w", err)
	}
	return &SharedPage{file: file, page: page}, nil
}

// File is the board's memory.
func (b *SharedPage) File() *os.File { return b.file }

// Listener is the descriptor of the listener in the process that has loaded the
// filter; -1 as long as there is none.
func (b *SharedPage) Listener() int { return int(atomic.LoadUint32(b.word(wordListener))) - 1 }

// Taken tells that somebody else holds the listener, too.
func (b *SharedPage) Taken() { atomic.StoreUint32(b.word(wordTaken), 1) }

// Release lets the child go on.
func (b *SharedPage) Release() { atomic.StoreUint32(b.word(wordReleased), 1) }

// Child is the pid of the process that was born in ForkOptions.PIDs, in the pid
// namespace of the one that bore it; 0 as long as there is none.
func (b *SharedPage) Child() int { return int(atomic.LoadUint32(b.word(wordChild))) }

func (b *SharedPage) word(n int) *uint32 { return (*uint32)(unsafe.Pointer(&b.page[4*n])) }

// Close gives the board back.
func (b *SharedPage) Close() {
	_ = unix.Munmap(b.page)
	b.file.Close()
}
