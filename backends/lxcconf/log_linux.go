package lxcconf

import (
	"bufio"
	"io"
	"os"
	"strings"
)

const maxStderr = 2048

// Said returns the beginning of lxc-start's stderr, which is kept in the file path; "" if it cannot
// be read.
func Said(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	said, _ := io.ReadAll(io.LimitReader(f, maxStderr))
	return strings.TrimSpace(string(said))
}

// maxReasons is how many of LXC's messages an error carries. The first ones are the cause, the
// others follow from it.
const maxReasons = 3

// LogErrors returns the first errors in a log file of LXC, without time, level and source line; ""
// if there are none.
func LogErrors(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	var reasons []string
	lines := bufio.NewScanner(f)
	for lines.Scan() && len(reasons) < maxReasons {
		_, message, found := strings.Cut(lines.Text(), " ERROR ")
		if !found {
			continue
		}
		// "start - ../src/lxc/start.c:lxc_spawn:1780 - No such file or directory - Failed to …"
		if parts := strings.SplitN(message, " - ", 3); len(parts) == 3 {
			message = parts[2]
		}
		reasons = append(reasons, strings.TrimSpace(message))
	}
	return strings.Join(reasons, "; ")
}
