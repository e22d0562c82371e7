// Package executable writes programs that a test runs at once.
package executable

import (
	"os"
	"syscall"
)

// Write makes a file that execve(2) can run as soon as Write returns. It holds off forks meanwhile,
// because a child could inherit the descriptor that is open for writing, and execve would then fail
// with ETXTBSY.
func Write(path string, content []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, content, 0o755)
}
