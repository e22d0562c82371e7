//go:build unix

package layer

import (
	"os"
	"syscall"
)

// blocks is how many blocks of 512 bytes a file takes up.
func blocks(info os.FileInfo) int64 { return info.Sys().(*syscall.Stat_t).Blocks }
