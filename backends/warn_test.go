package backends

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
)

// A long list of warnings does not make a long log, and the log says how many are missing.
func TestLogWarnings(t *testing.T) {
	var out bytes.Buffer
	logrus.SetOutput(&out)
	level := logrus.GetLevel()
	logrus.SetLevel(logrus.WarnLevel)
	t.Cleanup(func() { logrus.SetOutput(os.Stderr); logrus.SetLevel(level) })
	for _, tt := range []struct {
		count, lines int
		last         string
	}{
		{0, 0, ""}, {1, 1, "w0"}, {mostWarnings, mostWarnings, "w9"}, {500, mostWarnings + 1, "and 490 more such warnings"},
	} {
		out.Reset()
		var list []error
		for i := range tt.count {
			list = append(list, fmt.Errorf("w%d", i))
		}
		LogWarnings(list)
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if got := strings.Count(out.String(), "level=warning"); got != tt.lines || !strings.Contains(lines[len(lines)-1], tt.last) {
			t.Errorf("%d warnings: %d lines, the last one %s", tt.count, got, lines[len(lines)-1])
		}
	}
}
