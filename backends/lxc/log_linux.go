package lxc

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing"
)

// startError returns why LXC could not start the container, in LXC's own words.
func startError(j *enclosing.Job, err error) error {
	if reason := LogErrors(j.LogFile()); reason != "" {
		return fmt.Errorf("start LXC container %s: %w: %s", j.Data.Name, err, reason)
	}
	if said := Said(stderrFile(j.Container)); said != "" {
		return fmt.Errorf("start LXC container %s: %w: %s", j.Data.Name, err, said)
	}
	return fmt.Errorf("start LXC container %s: %w; LXC wrote nothing to %s", j.Data.Name, err, j.LogFile())
}

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

func stderrFile(c *backends.Container) string { return filepath.Join(c.Dir, "lxc.stderr") }

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
