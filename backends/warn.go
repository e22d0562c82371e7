package backends

import "github.com/sirupsen/logrus"

// mostWarnings is what LogWarnings logs as warnings of one list: it comes from a document that
// may be hostile, and an engine shows it.
const mostWarnings = 10

// LogWarnings logs what a container or a process does without, although it was asked for. Of a
// long list it logs the first ones, how many more there are, and those for who debugs.
func LogWarnings(list []error) {
	for i, w := range list {
		if i < mostWarnings {
			logrus.Warn(w)
			continue
		}
		if i == mostWarnings {
			logrus.Warnf("and %d more warnings like these: see berth validate, or the debug log", len(list)-mostWarnings)
		}
		logrus.Debug(w)
	}
}
