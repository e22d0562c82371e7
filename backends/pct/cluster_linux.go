package pct

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/berth-oci/berth/backends"
)

// Cluster is the cluster file system (pmxcfs(8)), which is mounted at /etc/pve.
type Cluster struct {
	Dir string
	// Locks is the directory of pct's lock files for configurations; "" means locksDir.
	Locks string
}

// IDs returns the VMIDs of CTs and VMs that are in use on any node.
func (c Cluster) IDs() (map[int]bool, error) {
	file := filepath.Join(c.Dir, ".vmlist")
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &backends.Missing{Err: err,
			Text: "list of VMIDs: there is no " + file + ": this is no node of Proxmox VE, or its cluster file system is not up, see 'systemctl status pve-cluster'"}
	}
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
		if err != nil || id < 1 {
			return nil, fmt.Errorf("list of VMIDs: %s/.vmlist: %q is none", c.Dir, key)
		}
		ids[id] = true
	}
	return ids, nil
}

// ConfigFile returns the path of the configuration of a CT on this node.
func (c Cluster) ConfigFile(vmid int) string {
	return filepath.Join(c.Dir, "lxc", strconv.Itoa(vmid)+".conf")
}

// Read reads the configuration of a CT on this node. It returns nil if there is none.
func (c Cluster) Read(vmid int) (*CT, error) {
	data, err := os.ReadFile(c.ConfigFile(vmid))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("configuration of CT %d: %w", vmid, err)
	}
	return parseCT(string(data)), nil
}

func includeLine(file string) string { return "lxc.include: " + file }

// Include adds an lxc.include line for file to a CT's configuration. pct has no option for it but
// keeps the line.
func (c Cluster) Include(vmid int, file string) error {
	return c.add(vmid, []string{includeLine(file)})
}

// add appends lines to a CT's configuration.
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
