//go:build unix

package layer

import (
	"os"
	"syscall"
)

// blocks is how many blocks of 512 bytes a file takes up.
func blocks(info os.FileInfo) int64 { return info.Sys().(*syscall.Stat_t).Blocks }

// links is how many names a file has.
func links(info os.FileInfo) uint64 { return uint64(info.Sys().(*syscall.Stat_t).Nlink) }
