package command

import (
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/bundle"
	"github.com/berth-oci/berth/runtime/config"
)

// environ is berth's environment as the caller set it.
var environ = os.Environ()

// settings are the arguments and the configuration from which backends are made.
type settings struct {
	*cli.Context
	load func() (*config.Config, error)
}

func newSettings(c *cli.Context) *settings {
	return &settings{Context: c, load: sync.OnceValues(func() (*config.Config, error) {
		return config.Load(c.String("config"), backendNames())
	})}
}

// known returns the configuration for a command on an existing container. If the file is invalid by
// now, known returns the default configuration: the container can still be stopped and deleted.
func (s *settings) known() *config.Config {
	c, err := s.load()
	if err != nil {
		logrus.Debugf("berth uses its default configuration: %v", err)
		return config.Default()
	}
	return c
}

func backendNames() []string {
	var names []string
	for _, m := range makers(nil) {
		names = append(names, m.Name)
	}
	return append(names, delegateNames...)
}

// chooser returns a chooser for the backend of a new container. It fails if the configuration is
// invalid.
func chooser(c *cli.Context) (*config.Chooser, error) {
	loaded, err := newSettings(c).load()
	if err != nil {
		return nil, err
	}
	_, called, _ := strings.Cut(filepath.Base(os.Args[0]), "berth-")
	return &config.Chooser{
		Known: backendNames(), Flag: backendFlag(c), CalledAs: called, Config: loaded, Host: defaultBackend(),
	}, nil
}

// choose returns the chooser in the form in which package runtime calls it.
func choose(c *config.Chooser) func(id string, b *bundle.Bundle) (string, error) {
	return func(id string, b *bundle.Bundle) (string, error) {
		choice, err := c.For(&config.Container{ID: id, Bundle: b.Dir, Spec: b.Spec})
		if err == nil {
			logrus.Debugf("container %q has backend %s, chosen by %s", id, choice.Backend, choice.Reason)
		}
		return choice.Backend, err
	}
}
