//go:build unix

package layer

import (
	"os"
	"syscall"
)

// blocks returns the number of 512-byte blocks that a file occupies.
func blocks(info os.FileInfo) int64 { return info.Sys().(*syscall.Stat_t).Blocks }

// links returns the number of hard links of a file.
func links(info os.FileInfo) uint64 { return uint64(info.Sys().(*syscall.Stat_t).Nlink) }
