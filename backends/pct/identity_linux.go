package pct

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing"
)

// markerKey begins the line of a CT's description that names its container: after it
// come the state directory and the container's id.
const markerKey = "berth-container: "

func marker(c *backends.Container) string { return markerKey + c.Root + "/" + c.ID }

// included is the file that a container's CT has LXC read. It is named after the
// container, wherever its record is.
func included(c *backends.Container) string { return filepath.Join(c.Root, c.ID, includedName) }

const includedName = "lxc.conf"

// claim is what a container's record says of a CT.
type claim int

const (
	// unclaimed: there is no record, or it names another CT.
	unclaimed claim = iota
	// claimed: the record names the CT.
	claimed
	// making: the record names the CT, and pct create and what follows it were not done.
	making
)

func claims(d *enclosing.Data, vmid int) claim {
	switch {
	case d.Name != vmidArg(vmid):
		return unclaimed
	case d.Making:
		return making
	}
	return claimed
}

// kinship is what a CT is to a container.
type kinship int

const (
	// stranger: nothing says that it has to do with the container.
	stranger kinship = iota
	// half: it has some signs of the container's, not all.
	half
	// restored: it has signs of the container's, and a root of its own on a storage, as
	// a CT has that was restored from a backup.
	restored
	// burdened: it is the container's, and somebody has given it a volume on a storage.
	burdened
	// own: it is the container's, and berth may destroy it.
	own
)

// ErrVolume is of a CT that berth does not destroy, for its volumes would go with it.
var ErrVolume = errors.New("the CT has a volume on a storage, which berth never destroys")

// judge decides whose a CT is. It is a container's when all agree: a line of its
// description, or else the record; the lxc.include that names the container's file; and
// a root that is a directory of the host. A text alone proves nothing: backups keep it.
func (ct *CT) judge(c *backends.Container, says claim) kinship {
	if ct == nil {
		return stranger
	}
	marked := slices.Contains(ct.Description, marker(c))
	includes := slices.Contains(ct.Includes, included(c))
	rooted := ct.rootedAt() != ""
	switch {
	case len(ct.Volumes) > 0 && !marked && !includes:
		return stranger
	case len(ct.Volumes) > 0 && rooted && includes && (marked || says != unclaimed):
		return burdened
	case len(ct.Volumes) > 0:
		return restored
	case includes && rooted && (marked || says != unclaimed):
		return own
	case ct.unfinished(c, marked, says):
		return own
	case marked || includes:
		return half
	}
	return stranger
}

// unfinished knows a CT of which pct create or pct destroy has done a part, by what that
// part is: only the container's record leads to it.
func (ct *CT) unfinished(c *backends.Container, marked bool, says claim) bool {
	if says == unclaimed {
		return false
	}
	if ct.bare() {
		// A claim is pct create's on a VMID that was free when the record was written.
		return ct.Lock == "" || ct.Lock == lockDestroyed || ct.Lock == lockCreate && says == making
	}
	at := ct.rootedAt()
	return says == making && marked && len(ct.Includes) == 0 && (at == c.Rootfs || at == standIn(c))
}

// The locks of a CT of which nothing is there yet, or nothing any more.
const lockCreate, lockDestroyed = "create", "destroyed"

// container is the container that a CT has a sign of, nil if it has none.
func (ct *CT) container() *backends.Container {
	for _, line := range ct.Description {
		if path, ok := strings.CutPrefix(line, markerKey); ok {
			if c := containerAt(path); c != nil {
				return c
			}
		}
	}
	for _, file := range ct.Includes {
		if path, ok := strings.CutSuffix(file, "/"+includedName); ok {
			if c := containerAt(path); c != nil {
				return c
			}
		}
	}
	return nil
}

func containerAt(path string) *backends.Container {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path || path == "/" {
		return nil
	}
	return &backends.Container{ID: filepath.Base(path), Root: filepath.Dir(path), Dir: path}
}

// lacks says of a CT that is not the container's what it is, or what it lacks.
func (ct *CT) lacks(c *backends.Container, kin kinship) string {
	if kin == restored {
		return "it has a volume on a storage (" + strings.Join(ct.Volumes, ", ") + "), as one that was restored from a backup of container " + c.ID
	}
	var list []string
	if !slices.Contains(ct.Description, marker(c)) {
		list = append(list, "its notes do not name the container")
	}
	if !slices.Contains(ct.Includes, included(c)) {
		list = append(list, "it does not include "+included(c))
	}
	if ct.rootedAt() == "" {
		list = append(list, "its root is no directory of the host")
	}
	return strings.Join(list, ", ")
}

// errVolume names what keeps a CT.
func (ct *CT) errVolume(vmid int) error {
	return fmt.Errorf("CT %d: %w: %s: move or remove it in Proxmox VE, then delete again", vmid, ErrVolume, strings.Join(ct.Volumes, ", "))
}

// errLocked is what pct destroy says of a CT that Proxmox VE does not let go of now; nil
// of any other. Asking pct would take a second.
func (ct *CT) errLocked(vmid int) error {
	args := []string{"destroy", vmidArg(vmid)}
	switch {
	case ct.Lock != "" && !ct.bare():
		return newError(args, "", "CT is locked ("+ct.Lock+")", errRefused)
	case ct.Protected:
		return newError(args, "", fmt.Sprintf("can't remove CT %d - protection mode enabled", vmid), errRefused)
	}
	return nil
}

var errRefused = errors.New("refused")
