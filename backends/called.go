package backends

import (
	"time"

	"github.com/sirupsen/logrus"
)

// Called logs the call of an external program at debug level (--debug): its command line, how long
// it took since begin, and its exit status (-1 if it has none). Environments are never logged.
func Called(words []string, begin time.Time, status int) {
	if !logrus.IsLevelEnabled(logrus.DebugLevel) {
		return
	}
	logrus.WithFields(logrus.Fields{
		"command":  CommandLine(words...),
		"duration": time.Since(begin).Round(time.Microsecond).String(),
		"status":   status,
	}).Debug("called")
}
