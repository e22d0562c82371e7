package config

import (
	"fmt"
	"slices"
	"strings"
)

// Chooser chooses the backend of a new container.
type Chooser struct {
	// Known are the names of all backends.
	Known []string
	// Flag is the backend named on the command line, CalledAs the one in the name by which berth
	// was called. They are empty if no backend is named there.
	Flag, CalledAs string
	// Config is the administrator's configuration.
	Config *Config
	// Host is the best backend of this host.
	Host string
}

// Choice is a backend and the reason why it was chosen.
type Choice struct{ Backend, Reason string }

// General chooses a backend without a container: by flag, by berth's name, by the configured
// default, by host. It fails if there is no such backend.
func (c *Chooser) General() (Choice, error) {
	for _, choice := range []Choice{
		{c.Flag, "--backend"},
		{c.CalledAs, "the name under which berth was called"},
		{c.Config.Default, "the default in the configuration"},
		{c.Host, "the host"},
	} {
		if choice.Backend != "" {
			return choice, c.known(choice)
		}
	}
	return Choice{}, fmt.Errorf("no backend is chosen: use --backend with one of %s", strings.Join(c.Known, ", "))
}

// For chooses a backend for a container: by flag, by berth's name, by the container's annotation,
// by the first rule that matches, by default. It fails if there is no such backend.
func (c *Chooser) For(container *Container) (Choice, error) {
	if c.Flag != "" || c.CalledAs != "" {
		return c.General()
	}
	if key := c.Config.Annotation; key != "" {
		if name := container.Spec.Annotations[key]; name != "" {
			choice := Choice{name, "annotation " + key}
			return choice, c.known(choice)
		}
	}
	for i := range c.Config.Rules {
		if c.Config.Rules[i].Matches(container) {
			choice := Choice{c.Config.Rules[i].Backend, fmt.Sprintf("rule %d of the configuration", i+1)}
			return choice, c.known(choice)
		}
	}
	return c.General()
}

func (c *Chooser) known(choice Choice) error {
	if slices.Contains(c.Known, choice.Backend) {
		return nil
	}
	return fmt.Errorf("backend %q, chosen by %s, does not exist: the backends are %s",
		choice.Backend, choice.Reason, strings.Join(c.Known, ", "))
}
