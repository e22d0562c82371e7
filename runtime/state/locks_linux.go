package state

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// locks is true if the kernel says that a process has locked a file with flock(2) (proc_locks(5)).
// It does not compare device numbers, because on some file systems they are not those of stat(2).
func locks(pid int, file fs.FileInfo) bool {
	data, err := os.ReadFile("/proc/locks")
	if err != nil {
		return false
	}
	st := file.Sys().(*syscall.Stat_t)
	who, what := fmt.Sprint(pid), fmt.Sprintf(":%d", st.Ino)
	for line := range strings.Lines(string(data)) {
		// "1: FLOCK  ADVISORY  WRITE 1234 00:1a:5678 0 EOF"
		f := strings.Fields(line)
		if len(f) > 5 && f[1] == "FLOCK" && f[4] == who && strings.HasSuffix(f[5], what) {
			return true
		}
	}
	return false
}
