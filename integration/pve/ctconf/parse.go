package ctconf

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/berth-oci/berth/integration/pve/schema"
)

var (
	pendingHead  = regexp.MustCompile(`(?i)^\[pve:pending\]\s*$`)
	snapshotHead = regexp.MustCompile(`(?i)^\[([a-z][a-z0-9_\-]+)\]\s*$`)
	rawLine      = regexp.MustCompile(`^(lxc\.[a-z0-9_\-.]+)(:|\s*=)\s*(.*?)\s*$`)
	descriptionL = regexp.MustCompile(`^description:\s*(.*\S)\s*$`)
	snapState    = regexp.MustCompile(`snapstate:\s*(prepare|delete)\s*$`)
	deleteLine   = regexp.MustCompile(`^delete:\s*(.*\S)\s*$`)
	keyLine      = regexp.MustCompile(`^([a-z][a-z_]*\d*):\s*(.+?)\s*$`)
)

// Parse parses a configuration. It reports PVE's complaints to warn, as complete lines. It skips
// the lines that PVE cannot read, and keeps invalid values as PVE does.
func Parse(id, raw string, warn func(line string)) *Config {
	c := New()
	sum := sha1.Sum([]byte(raw))
	c.Digest = hex.EncodeToString(sum[:])
	p := parser{id: id, warn: warn, config: c, section: &c.Section}
	for line := range strings.SplitSeq(raw, "\n") {
		if strings.TrimSpace(line) != "" {
			p.line(line)
		}
	}
	p.enter(nil)
	delete(c.Values, "snapstate")
	return c
}

type parser struct {
	id          string
	warn        func(string)
	config      *Config
	section     *Section
	description strings.Builder
}

func (p *parser) complain(format string, args ...any) {
	p.warn("vm " + p.id + " - " + strings.TrimSuffix(fmt.Sprintf(format, args...), "\n"))
}

// enter ends the current section and begins another.
func (p *parser) enter(next *Section) {
	if p.description.Len() > 0 {
		p.section.Description = p.description.String()
	}
	p.description.Reset()
	p.section = next
}

func (p *parser) line(line string) {
	if pendingHead.MatchString(line) {
		p.config.Pending = NewSection()
		p.enter(p.config.Pending)
		return
	}
	if m := snapshotHead.FindStringSubmatch(line); m != nil {
		snapshot := NewSection()
		p.config.Snapshots[m[1]] = snapshot
		p.enter(snapshot)
		return
	}
	if comment, ok := strings.CutPrefix(line, "#"); ok {
		p.description.WriteString(Decode(comment) + "\n")
		return
	}
	if m := rawLine.FindStringSubmatch(line); m != nil {
		p.raw(line, m[1], m[3])
		return
	}
	if m := descriptionL.FindStringSubmatch(line); m != nil {
		p.description.WriteString(Decode(m[1]))
		return
	}
	if m := snapState.FindStringSubmatch(line); m != nil {
		p.section.Values["snapstate"] = m[1]
		return
	}
	if m := deleteLine.FindStringSubmatch(line); m != nil {
		if p.section == p.config.Pending {
			p.section.Values["delete"] = m[1]
		} else {
			p.complain("property 'delete' is only allowed in [pve:pending]")
		}
		return
	}
	if m := keyLine.FindStringSubmatch(line); m != nil {
		value, err := checkValue(m[1], m[2])
		if err != nil {
			p.complain("unable to parse value of '%s' - %s", m[1], err)
		}
		p.section.Values[m[1]] = value
		return
	}
	p.complain("unable to parse config: %s", line)
}

func (p *parser) raw(line, key, value string) {
	if key == "lxc.environment.runtime" {
		p.section.Env = append(p.section.Env, value)
		return
	}
	keep, complaint := judgeRaw(key)
	switch {
	case keep:
		if complaint != "" {
			p.complain("%s", complaint)
		}
		p.section.Raw = append(p.section.Raw, Raw{key, value})
	case complaint != "":
		p.complain("%s", complaint)
	default:
		p.complain("unable to parse config: %s", line)
	}
}

var (
	digits  = regexp.MustCompile(`^\d+$`)
	decimal = regexp.MustCompile(`^\d+(\.\d+)?$`)
)

// checkValue checks a value like PVE's reader of the file, which is less strict than the command
// line.
func checkValue(key, value string) (string, error) {
	prop := Key(key)
	if prop == nil {
		return value, fmt.Errorf("unknown setting '%s'", key)
	}
	bad := func() (string, error) {
		return value, fmt.Errorf("type check ('%s') failed - got '%s'", prop.Type, value)
	}
	switch prop.Type {
	case schema.Boolean:
		truth, ok := schema.ParseBoolean(value)
		if !ok {
			return bad()
		}
		return truth, nil
	case schema.Integer:
		if !digits.MatchString(value) {
			return bad()
		}
		if trimmed := strings.TrimLeft(value, "0"); trimmed != "" {
			return trimmed, nil
		}
		return "0", nil
	case schema.Number:
		if !decimal.MatchString(value) {
			return bad()
		}
	case schema.String:
		return value, schema.CheckFormat(prop, value)
	}
	return value, nil
}
