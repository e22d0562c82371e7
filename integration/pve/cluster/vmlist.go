package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/pve/failure"
)

// Guest is an entry of .vmlist.
type Guest struct {
	Node    string `json:"node"`
	Type    string `json:"type"` // lxc or qemu
	Version int    `json:"version"`
}

type vmlist struct {
	Version int              `json:"version"`
	IDs     map[string]Guest `json:"ids"`
}

// guests finds every guest's configuration on every node.
func (c *Cluster) guests() (map[string]Guest, error) {
	found := map[string]Guest{}
	for directory, kind := range map[string]string{"lxc": "lxc", "qemu-server": "qemu"} {
		paths, err := filepath.Glob(c.path("nodes", "*", directory, "*.conf"))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			id := strings.TrimSuffix(filepath.Base(path), ".conf")
			if !isID(id) {
				continue
			}
			node := filepath.Base(filepath.Dir(filepath.Dir(path)))
			found[id] = Guest{Node: node, Type: kind}
		}
	}
	return found, nil
}

func isID(s string) bool {
	return len(s) >= 3 && len(s) <= 9 && s[0] != '0' && strings.Trim(s, "0123456789") == ""
}

// CheckUnused refuses an ID that any guest on any node has.
func (c *Cluster) CheckUnused(id string) error {
	guests, err := c.guests()
	if err != nil {
		return err
	}
	guest, taken := guests[id]
	if !taken {
		return nil
	}
	kind := "CT"
	if guest.Type == "qemu" {
		kind = "VM"
	}
	return failure.New("%s %s already exists on node '%s'", kind, id, guest.Node)
}

// Refresh updates .vmlist. pmxcfs generates it at each read. The stand-in writes a file when
// something has changed.
func (c *Cluster) Refresh() error {
	unlock, err := c.guard()
	if err != nil {
		return err
	}
	defer unlock()
	return c.refresh("")
}

// guard serializes changes to the set of guests. It is held only briefly.
func (c *Cluster) guard() (unlock func(), err error) {
	path := c.host.Path("/run/pve-standin.lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the cluster file system: %w", err)
	}
	for {
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("lock the cluster file system: %w", err)
	}
	return func() { _ = file.Close() }, nil
}

// refresh writes .vmlist. touched is an ID whose configuration has changed, or "".
func (c *Cluster) refresh(touched string) error {
	guests, err := c.guests()
	if err != nil {
		return err
	}
	var old vmlist
	raw, err := os.ReadFile(c.path(".vmlist"))
	fresh := err != nil || json.Unmarshal(raw, &old) != nil
	next, changed := old.Version+1, fresh || len(guests) != len(old.IDs)
	for id, guest := range guests {
		before, known := old.IDs[id]
		guest.Version = before.Version
		if id == touched || !known || before.Node != guest.Node || before.Type != guest.Type {
			guest.Version, changed = next, true
		}
		guests[id] = guest
	}
	if !changed {
		return nil
	}
	return replace(c.path(".vmlist"), formatList(next, guests), 0o440)
}

// formatList returns the JSON text as pmxcfs writes it, without "ids" if there are none.
func formatList(version int, guests map[string]Guest) []byte {
	var text bytes.Buffer
	if len(guests) == 0 {
		fmt.Fprintf(&text, "{\n\"version\": %d\n\n}\n", version)
		return text.Bytes()
	}
	ids := make([]string, 0, len(guests))
	for id := range guests {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	fmt.Fprintf(&text, "{\n\"version\": %d,\n\"ids\": {\n", version)
	for i, id := range ids {
		if i > 0 {
			text.WriteString(",\n")
		}
		g := guests[id]
		fmt.Fprintf(&text, "\"%s\": { \"node\": \"%s\", \"type\": \"%s\", \"version\": %d }", id, g.Node, g.Type, g.Version)
	}
	text.WriteString("}\n\n}\n")
	return text.Bytes()
}

func replace(path string, content []byte, mode os.FileMode) error {
	temporary := fmt.Sprintf("%s.tmp.%d", path, os.Getpid())
	if err := os.WriteFile(temporary, content, mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
