package process

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SharedPage is memory shared by a child of Fork and the processes that wait for the child.
//
// Once the child has loaded its seccomp filter, each of its system calls might wait for the
// filter's listener. So it makes no system call until the listener has been passed on: it writes
// the listener's number here and polls here for the answer. The intermediate process, which forks
// the program's process into another pid namespace, leaves the pid of that process here, in a page
// that the program's process does not get.
type SharedPage struct {
	// file is the memory as a file, to pass it to another process.
	file *os.File
	page []byte
}

const (
	pageSize       = 4096
	sharedPageSize = 2 * pageSize
)

// The words of the shared page. wordChild has the second page for itself.
const (
	wordListener = iota
	wordTaken
	wordReleased
	wordChild = pageSize / 4
)

// NewSharedPage allocates a shared page.
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

// OpenSharedPage maps a shared page that another process has made. It takes over file, the File of
// that page.
func OpenSharedPage(file *os.File) (*SharedPage, error) {
	page, err := unix.Mmap(int(file.Fd()), 0, sharedPageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("mmap: %w", err)
	}
	return &SharedPage{file: file, page: page}, nil
}

// File returns the memory as a file, to pass it to another process.
func (b *SharedPage) File() *os.File { return b.file }

// Listener returns the descriptor of the listener in the process that has loaded the filter, or -1
// if there is none yet.
func (b *SharedPage) Listener() int { return int(atomic.LoadUint32(b.word(wordListener))) - 1 }

// Taken tells the process that another process also holds the listener.
func (b *SharedPage) Taken() { atomic.StoreUint32(b.word(wordTaken), 1) }

// Release lets the child continue to execve.
func (b *SharedPage) Release() { atomic.StoreUint32(b.word(wordReleased), 1) }

// Child returns the pid of the process that was forked into ForkOptions.PIDs, or 0 if there is none
// yet. The pid is in the intermediate process's pid namespace.
func (b *SharedPage) Child() int { return int(atomic.LoadUint32(b.word(wordChild))) }

func (b *SharedPage) word(n int) *uint32 { return (*uint32)(unsafe.Pointer(&b.page[4*n])) }

// Close unmaps the shared page and closes its file.
func (b *SharedPage) Close() {
	_ = unix.Munmap(b.page)
	b.file.Close()
}
