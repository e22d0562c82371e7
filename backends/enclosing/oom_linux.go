package enclosing

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/berth-oci/berth/backends/cgroup"
)

// oomWatch sees whether the kernel kills one of a container's processes for want of memory
// while that is created: with the process LXC removes the cgroup, and so the count.
type oomWatch struct {
	killed atomic.Bool
	// above counts, too, and stays when LXC is faster than the watch; before is its
	// count in the beginning.
	above  string
	before uint64
	done   chan struct{}
	cancel context.CancelFunc
}

// begin begins the watch, until the cgroup is empty or end is called.
func (w *oomWatch) begin(path string) {
	ctx, cancel := context.WithCancel(context.Background())
	w.done, w.cancel = make(chan struct{}), cancel
	w.above = filepath.Dir(path)
	w.before = cgroup.OOMKills(w.above)
	go func() {
		defer close(w.done)
		// Without the controller, or the cgroup, there is nothing to see.
		_ = cgroup.WatchAllOOM(ctx, path, func() { w.killed.Store(true) })
	}()
}

func (w *oomWatch) end() {
	if w.cancel != nil {
		w.cancel()
	}
}

// lastLook is how long the watch may take to see the end of a process that has ended.
const lastLook = time.Second

// seen says whether a process was killed, after the container's has ended.
func (w *oomWatch) seen() bool {
	if w.done == nil {
		return false
	}
	select {
	case <-w.done:
	case <-time.After(lastLook):
	}
	return w.killed.Load() || cgroup.OOMKills(w.above) > w.before
}
