// Package executable writes programs that a test starts at once.
package executable

import (
	"os"
	"syscall"
)

// Write makes an executable file that execve(2) takes as soon as Write returns:
// no child that could inherit a descriptor open for writing, and let execve fail
// with ETXTBSY, is forked meanwhile.
func Write(path string, content []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, content, 0o755)
}
