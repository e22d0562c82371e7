package backends

import "github.com/sirupsen/logrus"

// mostWarnings is the largest number of warnings of one list that LogWarnings logs as warnings. The
// list comes from a document that may be hostile, and an engine shows it.
const mostWarnings = 10

// LogWarnings logs what a container or a process does without although it was asked for. If the
// list is long, LogWarnings logs the first warnings and the number of the others. It logs the
// others at debug level.
func LogWarnings(list []error) {
	for i, w := range list {
		if i < mostWarnings {
			logrus.Warn(w)
			continue
		}
		if i == mostWarnings {
			logrus.Warnf("and %d more such warnings: 'berth validate' and the debug log list them", len(list)-mostWarnings)
		}
		logrus.Debug(w)
	}
}
