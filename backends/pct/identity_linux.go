package pct

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

// markerKey begins the line of a CT's description that names its container. The rest of the line is
// the state directory, a slash and the container's id.
const markerKey = "berth-container: "

func marker(c *backends.Container) string { return markerKey + c.Root + "/" + c.ID }

// included returns the path of the file that a container's CT includes. It is made of the state
// directory and the id, even if the container's record has been moved elsewhere.
func included(c *backends.Container) string { return filepath.Join(c.Root, c.ID, includedName) }

const includedName = "lxc.conf"

// vmidOf returns the VMID in a container's record.
func vmidOf(c *backends.Container, d *enclosure.Data) (int, error) {
	vmid, err := strconv.Atoi(d.Name)
	if err != nil {
		return 0, fmt.Errorf("state of container %q: VMID %q: %w", c.ID, d.Name, err)
	}
	return vmid, nil
}

// claim is what a container's record says about a CT.
type claim int

const (
	// unclaimed: there is no record, or it names another CT.
	unclaimed claim = iota
	// claimed: the record names the CT.
	claimed
	// making: the record names the CT, but pct create and the steps after it were not finished.
	making
)

func claims(d *enclosure.Data, vmid int) claim {
	switch {
	case d.Name != vmidArg(vmid):
		return unclaimed
	case d.Making:
		return making
	}
	return claimed
}

// kinship is the relation of a CT to a container.
type kinship int

const (
	// stranger: nothing connects the CT with the container.
	stranger kinship = iota
	// half: the CT has some of the container's signs, not all.
	half
	// restored: the CT has signs of the container, and its root is on a storage, as after a restore
	// from a backup.
	restored
	// burdened: the CT is the container's, and somebody has added a volume on a storage.
	burdened
	// own: the CT is the container's, and berth may destroy it.
	own
)

// ErrVolume is returned for a CT that berth does not destroy because its volumes would be
// destroyed, too.
var ErrVolume = errors.New("the CT has a volume on a storage, which berth never destroys")

// judge decides whether a CT is the container's. It is if three signs agree: a line of its
// description names the container, or else the container's record names the CT; an lxc.include
// names the container's file; and the root is a directory of the host. The description alone proves
// nothing, because backups keep it.
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

// unfinished reports whether the CT is what an unfinished pct create or pct destroy of the
// container has left. Such a CT lacks signs, so only the container's record leads to it.
func (ct *CT) unfinished(c *backends.Container, marked bool, says claim) bool {
	if says == unclaimed {
		return false
	}
	if ct.bare() {
		// The VMID was free when the record was written, so this container's pct create or pct
		// destroy has left the CT without settings.
		return ct.Lock == "" || ct.Lock == lockDestroyed || ct.Lock == lockCreate && says == making
	}
	at := ct.rootedAt()
	return says == making && marked && len(ct.Includes) == 0 && (at == c.Rootfs || at == standIn(c))
}

// lockCreate is the lock of a CT that has no settings yet, lockDestroyed the lock of one that has
// none any more.
const lockCreate, lockDestroyed = "create", "destroyed"

// container returns the container that the CT's signs name; nil if they name none.
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

// lacks returns why a CT is not the container's: what it is instead, or which signs it lacks.
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

// errVolume returns an ErrVolume that names the CT's volumes.
func (ct *CT) errVolume(vmid int) error {
	return fmt.Errorf("CT %d: %w: %s: move or remove it in Proxmox VE, then delete again", vmid, ErrVolume, strings.Join(ct.Volumes, ", "))
}

// errLocked returns the error with which pct destroy would refuse a locked or protected CT; nil for
// any other. To ask pct would take a second.
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
