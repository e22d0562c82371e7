package command

import (
	"fmt"
	"os"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"
)

// setUpLog sends log lines to --log in --log-format, where an engine reads the errors. The error of
// a command also goes to stderr.
func setUpLog(c *cli.Context) error {
	if c.Bool("debug") {
		logrus.SetLevel(logrus.DebugLevel)
	} else {
		// An engine takes whatever it finds in the log as the error.
		logrus.SetLevel(logrus.WarnLevel)
	}
	switch format := c.String("log-format"); format {
	case "text":
	case "json":
		logrus.SetFormatter(&logrus.JSONFormatter{})
	default:
		return fmt.Errorf("invalid log-format %q: must be text or json", format)
	}
	path := c.String("log")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("--log: %w", err)
	}
	logrus.SetOutput(f)
	return nil
}
