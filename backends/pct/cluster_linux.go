package pct

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

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
		return nil, c.failed("list of VMIDs", err)
	}
	var list struct {
		IDs map[string]json.RawMessage `json:"ids"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("list of VMIDs: %s: %w", file, err)
	}
	ids := make(map[int]bool, len(list.IDs))
	for key := range list.IDs {
		id, err := strconv.Atoi(key)
		if err != nil || id < 1 {
			return nil, fmt.Errorf("list of VMIDs: %s: %q is no VMID", file, key)
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
		return nil, c.failed(fmt.Sprintf("read the configuration of CT %d", vmid), err)
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
	what := fmt.Sprintf("add a line to the configuration of CT %d", vmid)
	f, err := os.OpenFile(c.ConfigFile(vmid), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return c.failed(what, err)
	}
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return c.failed(what, err)
	}
	return nil
}

// failed returns the error for a system call on the cluster file system. pmxcfs returns EACCES to
// root for a change without quorum. When it has ended, the kernel returns ENOTCONN. Then the error
// is a backends.Missing that wraps ErrNoQuorum or ErrDown.
func (c Cluster) failed(what string, err error) error {
	for _, known := range []struct{ errno, cause error }{{unix.EACCES, ErrNoQuorum}, {unix.ENOTCONN, ErrDown}} {
		if errors.Is(err, known.errno) {
			return &backends.Missing{Err: errors.Join(known.cause, err),
				Text: fmt.Sprintf("%s in %s: %v (%s)", what, c.Dir, known.cause, (&Error{Cause: known.cause}).advice())}
		}
	}
	return fmt.Errorf("%s: %w: see 'systemctl status pve-cluster'", what, err)
}
