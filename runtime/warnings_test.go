package runtime

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/berth-oci/berth/spec"
)

// TestLogWarnings checks that a field without effect is logged as a warning however many other
// warnings come first, and that the others are logged at debug level only.
func TestLogWarnings(t *testing.T) {
	var out bytes.Buffer
	logrus.SetOutput(&out)
	level := logrus.GetLevel()
	logrus.SetLevel(logrus.WarnLevel)
	t.Cleanup(func() { logrus.SetOutput(os.Stderr); logrus.SetLevel(level) })
	var list spec.Problems
	for range 30 {
		list = append(list, spec.Problem{Path: "process.env[0]", Message: "should be NAME=VALUE"})
	}
	logWarnings(append(list, spec.Problem{Path: "HostName", Message: "is unknown and ignored", Ignored: true}))
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=warning") || !strings.Contains(got, "config.json: HostName: is unknown") {
		t.Errorf("logged:\n%s", got)
	}
}
