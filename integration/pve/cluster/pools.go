package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/berth-oci/berth/integration/pve/failure"
)

// Pools are lines in user.cfg: pool:NAME:COMMENT:VMID,…:STORAGE,…:

const userConfig = "user.cfg"

// CheckPool refuses a pool that does not exist.
func (c *Cluster) CheckPool(name string) error {
	lines, err := c.users()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "pool:"+name+":") }) {
		return nil
	}
	return failure.New("403 Permission check failed (pool '%s' does not exist)", name)
}

// AddToPool makes a container a member of a pool.
func (c *Cluster) AddToPool(id, name string) error {
	return c.changePools(func(pool string, members []string) []string {
		if pool != name || slices.Contains(members, id) {
			return members
		}
		return append(members, id)
	})
}

// RemoveFromPools removes a container from all pools.
func (c *Cluster) RemoveFromPools(id string) error {
	return c.changePools(func(_ string, members []string) []string {
		return slices.DeleteFunc(members, func(m string) bool { return m == id })
	})
}

func (c *Cluster) users() ([]string, error) {
	raw, err := os.ReadFile(c.path(userConfig))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", userConfig, err)
	}
	return strings.Split(string(raw), "\n"), nil
}

// memberField is the field of a pool's line that holds its members.
const memberField = 3

func (c *Cluster) changePools(change func(pool string, members []string) []string) error {
	unlock, err := c.guard()
	if err != nil {
		return err
	}
	defer unlock()
	lines, err := c.users()
	if err != nil {
		return err
	}
	changed := false
	for i, line := range lines {
		fields := strings.Split(line, ":")
		if fields[0] != "pool" || len(fields) <= memberField {
			continue
		}
		members := strings.FieldsFunc(fields[memberField], func(r rune) bool { return r == ',' })
		members = change(fields[1], members)
		slices.Sort(members)
		fields[memberField] = strings.Join(members, ",")
		lines[i] = strings.Join(fields, ":")
		changed = changed || lines[i] != line
	}
	if !changed {
		return nil
	}
	return replace(c.path(userConfig), []byte(strings.Join(lines, "\n")), 0o640)
}
