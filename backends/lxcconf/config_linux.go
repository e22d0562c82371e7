// Package lxcconf knows LXC for the backends that enclose containers with it, lxc and pct: the lines
// of LXC's configuration that both write, what LXC says when it fails, and its programs.
package lxcconf

import (
	"fmt"
	"os"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
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

// Set adds a line. If the value contains a control character or begins or ends with a space, Set
// keeps an error, which Write returns.
func (c *Config) Set(key, value string) {
	for _, r := range value {
		if (r < ' ' && r != '\t') || r == 0x7f {
			c.fail(fmt.Errorf("LXC config: the value of %s holds a control character: %q", key, value))
			return
		}
	}
	if value != strings.TrimSpace(value) {
		c.fail(fmt.Errorf("LXC config: the value of %s begins or ends with a space: %q", key, value))
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

func (c *Config) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// Lines returns the lines so far, and the error of the first line that could not be added.
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
		return fmt.Errorf("LXC config: %w", err)
	}
	return nil
}

// CheckPath returns an error if path cannot be written in a mount entry or hook of an LXC
// configuration. LXC splits mount entries at spaces, and a shell reads hooks.
func CheckPath(path string) error {
	for _, r := range path {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("/_+.-@", r):
		default:
			return fmt.Errorf("the state directory %q holds %q: with LXC only letters, digits and / _ + . - @ are allowed; choose another --root", path, r)
		}
	}
	return nil
}

// Broken returns a configuration that cannot be written because of err.
func Broken(err error) *Config { return &Config{err: err} }
