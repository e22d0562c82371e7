// Package lxcconf knows LXC for the backends that enclose containers with it, lxc and pct: the lines
// of LXC's configuration that both write, what LXC says when it fails, and its programs.
package lxcconf

import (
	"fmt"
	"os"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/spec"
)

// Config is an LXC configuration file (lxc.container.conf(5)): one key = value per line, in this
// order.
type Config struct {
	lines []backends.Line
	from  string
	err   error
}

// From sets the JSON path of the config.json field that the next line comes from.
func (c *Config) From(path string) *Config {
	c.from = path
	return c
}

func (c *Config) add(text string) {
	c.lines = append(c.lines, backends.Line{Text: text, From: c.from})
	c.from = ""
}

// Set adds a line. If CheckValue refuses the value, Set keeps an error, which Write returns. The
// error wraps a spec.FieldError if From has named a field.
func (c *Config) Set(key, value string) {
	if err := CheckValue(value); err != nil {
		err = fmt.Errorf("LXC's configuration, %s: %w", key, err)
		if c.from != "" {
			err = &spec.FieldError{Path: c.from, Err: err}
		}
		c.fail(err)
		return
	}
	c.add(key + " = " + value)
}

// Clear adds a line that removes what earlier lines and files have set for a key.
func (c *Config) Clear(key string) { c.add(key + " =") }

// Setf is Set with a formatted value.
func (c *Config) Setf(key, format string, args ...any) { c.Set(key, fmt.Sprintf(format, args...)) }

// IDMap adds the ID maps of the user namespace.
func (c *Config) IDMap(uids, gids []specs.LinuxIDMapping) {
	for _, kind := range []struct {
		letter string
		maps   []specs.LinuxIDMapping
	}{{"u", uids}, {"g", gids}} {
		for i, m := range kind.maps {
			c.From(fmt.Sprintf("linux.%sidMappings[%d]", kind.letter, i)).Setf("lxc.idmap", "%s %d %d %d", kind.letter, m.ContainerID, m.HostID, m.Size)
		}
	}
}

// fail keeps err, unless an earlier line has failed.
func (c *Config) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// Lines returns the lines so far, and the error of the first that could not be added.
func (c *Config) Lines() ([]backends.Line, error) { return c.lines, c.err }

// Write writes the file with mode 0600. If a line could not be added, it fails and writes nothing.
func (c *Config) Write(path string) error {
	if c.err != nil {
		return c.err
	}
	var text strings.Builder
	for _, l := range c.lines {
		text.WriteString(l.Text + "\n")
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("write LXC's configuration: %w", err)
	}
	return nil
}
