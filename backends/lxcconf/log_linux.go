package lxcconf

import (
	"bufio"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

// maxReasons is how many of LXC's messages an error carries. The first ones are the cause, the
// others follow from it.
const maxReasons = 3

// maxSaid is how much of a log Said reads, in bytes. maxReason is the longest message that it
// returns.
const (
	maxSaid   = 64 << 10
	maxReason = 1024
)

// followUps are the functions of LXC whose errors only say that something else has failed.
var followUps = []string{"sync_wait", "__lxc_start", "lxc_start_main"}

// A message of LXC begins with where it comes from (LXC's src/lxc/log.c). The expressions match the
// function and the text. They are compiled only when LXC has failed.
const (
	// lxc-start c 2026… ERROR    start - ../src/lxc/start.c:lxc_spawn:1780 - No such file or directory - Failed to …
	inLog = ` ERROR +\S+ - \S+:(\w+):\d+ - (.*)$`
	// lxc-start: c: ../src/lxc/start.c: lxc_spawn: 1780 No such file or directory - Failed to …
	onStderr = `^\S+: (?:\S+: )?\S+\.c: (\w+): \d+ (.*)$`
)

// Said returns the first errors in a log file of LXC or, if there are none, the first that
// lxc-start wrote to its stderr, which is kept in a file: what a person needs, without program,
// time and source line. LXC 6 writes its errors to stderr if it runs in the foreground. Said
// returns "" if there are none, or if the files cannot be read.
func Said(log, stderr string) string {
	if said := reasons(log, inLog, false); said != "" {
		return said
	}
	return reasons(stderr, onStderr, true)
}

// reasons returns the messages in the lines of a file that match the expression. Other lines are
// messages only if all is true: LXC's hooks and the linker also write to stderr.
func reasons(path, expression string, all bool) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	match := regexp.MustCompile(expression)
	var causes, following []string
	lines := bufio.NewScanner(io.LimitReader(f, maxSaid))
	lines.Buffer(nil, maxSaid)
	for lines.Scan() && len(causes) < maxReasons {
		text, function := strings.TrimSpace(lines.Text()), ""
		if m := match.FindStringSubmatch(text); m != nil {
			function, text = m[1], strings.TrimSpace(m[2])
		} else if !all {
			continue
		}
		if len(text) > maxReason {
			text = text[:maxReason] + "…"
		}
		switch {
		case text == "":
		case slices.Contains(followUps, function):
			following = append(following, text)
		default:
			causes = append(causes, text)
		}
	}
	if len(causes) == 0 {
		causes = following[:min(len(following), maxReasons)]
	}
	return strings.Join(causes, "; ")
}
