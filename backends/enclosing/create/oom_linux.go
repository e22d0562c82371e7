package create

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

// oomWatch notices when the kernel kills a container's process during create because memory ran
// out. LXC removes the cgroup when the process has ended, and the kernel's count goes with it.
type oomWatch struct {
	killed atomic.Bool
	// above is the parent cgroup. It counts the kill too, and it stays if LXC removes the cgroup
	// before the watch looks at it. before is its count at the start.
	above  *cgroup.Group
	before uint64
	done   chan struct{}
	cancel context.CancelFunc
}

// begin starts the watch. It runs until the cgroup is empty or end is called. Without the memory
// controller or the cgroup there is nothing to see.
func (w *oomWatch) begin(d *enclosure.Data) {
	limits, err := d.OpenLimits()
	if err != nil {
		return
	}
	if w.above, err = cgroup.Open(filepath.Dir(d.Limits)); err != nil {
		limits.Close()
		return
	}
	w.before = w.above.OOMKills()
	ctx, cancel := context.WithCancel(context.Background())
	w.done, w.cancel = make(chan struct{}), cancel
	go func() {
		defer close(w.done)
		defer limits.Close()
		_ = limits.WatchAllOOM(ctx, func() { w.killed.Store(true) })
	}()
}

func (w *oomWatch) end() {
	if w.cancel != nil {
		w.cancel()
		w.above.Close()
	}
}

// lastLook is how long the watch may take to notice that a process has ended.
const lastLook = time.Second

// seen reports whether a process was killed. It is called after the container's process has ended.
func (w *oomWatch) seen() bool {
	if w.done == nil {
		return false
	}
	select {
	case <-w.done:
	case <-time.After(lastLook):
	}
	return w.killed.Load() || w.above.OOMKills() > w.before
}
