package pct

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Cluster is the cluster file system (pmxcfs(8)), mounted at /etc/pve.
type Cluster struct{ Dir string }

// IDs are the VMIDs in use on any node, for CTs and VMs alike.
func (c Cluster) IDs() (map[int]bool, error) {
	data, err := os.ReadFile(filepath.Join(c.Dir, ".vmlist"))
	if err != nil {
		return nil, fmt.Errorf("list of VMIDs: %w: is the cluster file system up? See 'systemctl status pve-cluster'", err)
	}
	var list struct {
		IDs map[string]json.RawMessage `json:"ids"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("list of VMIDs: %s/.vmlist: %w", c.Dir, err)
	}
	ids := make(map[int]bool, len(list.IDs))
	for key := range list.IDs {
		id, err := strconv.Atoi(key)
		if err != nil {
			return nil, fmt.Errorf("list of VMIDs: %s/.vmlist: %q is none", c.Dir, key)
		}
		ids[id] = true
	}
	return ids, nil
}

// ConfigFile is the configuration of a CT of this node.
func (c Cluster) ConfigFile(vmid int) string {
	return filepath.Join(c.Dir, "lxc", strconv.Itoa(vmid)+".conf")
}

// CT is what berth reads of a CT's configuration.
type CT struct {
	// Description is the text at its beginning.
	Description []string
	// Lock is what holds it, such as "backup" or "create".
	Lock string
}

// Read reads the configuration of a CT of this node; nil if there is none.
func (c Cluster) Read(vmid int) (*CT, error) {
	data, err := os.ReadFile(c.ConfigFile(vmid))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("configuration of CT %d: %w", vmid, err)
	}
	ct := &CT{}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "[") {
			break // a snapshot's section, or what is pending
		}
		if text, ok := strings.CutPrefix(line, "#"); ok {
			// pve-container writes the description with URI escapes.
			if plain, err := url.PathUnescape(text); err == nil {
				text = plain
			}
			ct.Description = append(ct.Description, text)
		}
		if lock, ok := strings.CutPrefix(line, "lock: "); ok {
			ct.Lock = lock
		}
	}
	return ct, nil
}

func includeLine(file string) string { return "lxc.include: " + file }

// Include adds a line to a CT's configuration that has LXC read another file.
// pct has no option for it, and keeps the line.
func (c Cluster) Include(vmid int, file string) error {
	return c.add(vmid, []string{includeLine(file)})
}

// add adds lines to a CT's configuration.
func (c Cluster) add(vmid int, lines []string) error {
	f, err := os.OpenFile(c.ConfigFile(vmid), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("configuration of CT %d: %w", vmid, err)
	}
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("configuration of CT %d: %w", vmid, err)
	}
	return nil
}
