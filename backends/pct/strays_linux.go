package pct

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

const checkCTs = "CTs"

// diagnoseCTs finds berth's CTs without a record, and reports CTs that only look like berth's.
func (e *Enclosure) diagnoseCTs() []backends.Finding {
	used, err := e.cluster.IDs()
	if err != nil {
		return nil // diagnoseVMIDs reports it
	}
	var list []backends.Finding
	var bare []int
	ours := 0
	for _, vmid := range slices.Sorted(maps.Keys(used)) {
		ct, err := e.cluster.Read(vmid)
		if err != nil || ct == nil {
			continue // on another node
		}
		if ct.bare() && ct.Lock != "" && e.inRange(vmid) {
			bare = append(bare, vmid)
			continue
		}
		f, known := e.diagnoseCT(vmid, ct)
		if f != nil {
			list = append(list, *f)
		} else if known {
			ours++
		}
	}
	list = append(list, e.diagnoseBare(bare)...)
	if len(list) == 0 {
		list = append(list, finding(checkCTs, nil, strconv.Itoa(ours)+" of berth's, each with a record", ""))
	}
	return list
}

// diagnoseCT checks a CT that has settings. known is true if the CT belongs to a container with a
// record.
func (e *Enclosure) diagnoseCT(vmid int, ct *CT) (f *backends.Finding, known bool) {
	c := ct.container()
	if c == nil {
		return nil, false
	}
	says := recorded(c, vmid)
	kin := ct.judge(c, says)
	switch {
	case kin == restored:
		return leave("CT %d has signs of container %s of %s, and volumes of its own (%s): a copy, such as one that was restored from a backup",
			fmt.Sprintf("berth leaves it alone. To use it, take the line '%s' and the line with %q out of its configuration",
				includeLine(included(c)), markerKey), vmid, c.ID, c.Root, ct.Volumes[0]), false
	case !e.inRange(vmid):
		return nil, kin == own && says != unclaimed // the administrator's, whatever its description says
	case kin == half && says == unclaimed:
		return leave("CT %d has only some signs of container %s of %s: %s",
			"berth leaves it alone: remove it with 'pct destroy' if nobody needs it", vmid, c.ID, c.Root, ct.lacks(c, kin)), false
	case kin == half, kin == burdened:
		return leave("CT %d of container %s of %s cannot be destroyed with it: %s",
			"see its configuration in Proxmox VE", vmid, c.ID, c.Root, ct.keptBy(c, kin)), true
	case kin == own && says == unclaimed:
		return &backends.Finding{
			Check: checkCTs, Verdict: backends.Fail,
			Looked: fmt.Sprintf("CT %d is container %s of %s, which has no record of it", vmid, c.ID, c.Root),
			Advice: "it is left from a container that has gone: 'berth doctor --fix' destroys it, and never its root filesystem",
			Fix:    func(ctx context.Context) error { return e.destroyStray(ctx, c, vmid) },
		}, false
	}
	return nil, kin == own
}

// keptBy returns why a container's CT would stay.
func (ct *CT) keptBy(c *backends.Container, kin kinship) string {
	if kin == burdened {
		return ct.Volumes[0] + " is a volume on a storage"
	}
	return ct.lacks(c, kin)
}

// leave returns a warning about a CT that berth leaves alone.
func leave(looked, advice string, args ...any) *backends.Finding {
	return &backends.Finding{Check: checkCTs, Verdict: backends.Warn, Looked: fmt.Sprintf(looked, args...), Advice: advice}
}

// bareSettles is how long a CT may have no settings while pct creates or destroys it.
const bareSettles = time.Second

// diagnoseBare reports CTs that pct create or pct destroy has left with nothing but its lock. It is
// not known whose they are. If a container's record names the CT, delete of that container removes
// it.
func (e *Enclosure) diagnoseBare(vmids []int) (list []backends.Finding) {
	if len(vmids) == 0 {
		return nil
	}
	time.Sleep(bareSettles)
	for _, vmid := range vmids {
		ct, err := e.cluster.Read(vmid)
		if err != nil || ct == nil || !ct.bare() || ct.Lock == "" {
			continue
		}
		list = append(list, *leave("CT %d has nothing in it but 'lock: %s': a pct that was killed has left it, or is still at it",
			fmt.Sprintf("'berth delete --force' of the container that it was for removes it; if it was for none: pct unlock %d && pct destroy %d", vmid, vmid),
			vmid, ct.Lock))
	}
	return list
}

// recorded returns what the records say about a CT with signs of a container. It reads the
// container's own record and those that were set aside because a delete could not be finished.
func recorded(c *backends.Container, vmid int) claim {
	owed, _ := filepath.Glob(filepath.Join(c.Root, backends.OwedDir, "*", backends.RecordFile))
	for _, file := range append([]string{filepath.Join(c.Dir, backends.RecordFile)}, owed...) {
		var record backends.Container
		var d enclosure.Data
		data, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(data, &record)
		}
		if err == nil && len(record.Data) > 0 {
			err = json.Unmarshal(record.Data, &d)
		}
		if err != nil {
			return claimed // unreadable: delete must deal with it
		}
		if says := claims(&d, vmid); says != unclaimed {
			return says
		}
	}
	return unclaimed
}

// destroyStray checks once more whose the CT is, then destroys it.
func (e *Enclosure) destroyStray(ctx context.Context, c *backends.Container, vmid int) error {
	name := strconv.Itoa(vmid)
	// It is opened before the checks, so that it is not a later CT's.
	group, err := cgroup.Open(ownCgroup(name))
	if err == nil {
		defer group.Close()
	} else if !errors.Is(err, cgroup.ErrGone) {
		return err
	}
	ct, err := e.mine(c, vmid, unclaimed)
	if ct == nil || err != nil {
		return gone(err)
	}
	if recorded(c, vmid) != unclaimed {
		return fmt.Errorf("CT %d is left alone: its container has a record by now", vmid)
	}
	// LXC's hooks would end the process by files in the state directory, which is gone.
	if group != nil {
		if err := group.Kill(); err != nil {
			return err
		}
	}
	if err := endMonitor(ctx, &enclosure.Data{Name: name}, naturalEnd); err != nil {
		return err
	}
	return e.destroy(ctx, c, vmid, unclaimed)
}
