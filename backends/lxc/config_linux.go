package lxc

import (
	"fmt"
	"os"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
)

// Config is an LXC configuration file (lxc.container.conf(5)): one key = value
// per line, in their order.
type Config struct {
	lines []backends.Line
	from  string
	err   error
}

// From says which field of config.json the next line comes from.
func (c *Config) From(path string) *Config {
	c.from = path
	return c
}

func (c *Config) add(text string) {
	c.lines = append(c.lines, backends.Line{Text: text, From: c.from})
	c.from = ""
}

// Set adds a line. A value that would not stay one line is an error, which Write
// returns.
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

// Clear takes back what earlier lines and files have set for a key.
func (c *Config) Clear(key string) { c.add(key + " =") }

// Setf is Set with a formatted value.
func (c *Config) Setf(key, format string, args ...any) { c.Set(key, fmt.Sprintf(format, args...)) }

// IDMap adds the maps of the user namespace.
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

// Lines are the lines so far. The error is that of the first line that could not
// be added.
func (c *Config) Lines() ([]backends.Line, error) { return c.lines, c.err }

// Write writes the file, for root alone.
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

// CheckPath refuses a path that cannot stand in an LXC config's mount entry or
// hook, which are split at spaces and read by a shell.
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

// Broken is a configuration that cannot be written.
func Broken(err error) *Config { return &Config{err: err} }
