package create

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/berth-oci/berth/backends/cgroup"
)

// oomWatch notices when the kernel kills a container's process during create because memory ran
// out. LXC removes the cgroup when the process has ended, and the kernel's count goes with it.
type oomWatch struct {
	killed atomic.Bool
	// above is the parent cgroup. It counts the kill too, and it stays if LXC removes the cgroup
	// before the watch looks at it. before is its count at the start.
	above  string
	before uint64
	done   chan struct{}
	cancel context.CancelFunc
}

// begin starts the watch. It runs until the cgroup is empty or end is called.
func (w *oomWatch) begin(path string) {
	ctx, cancel := context.WithCancel(context.Background())
	w.done, w.cancel = make(chan struct{}), cancel
	w.above = filepath.Dir(path)
	w.before = cgroup.OOMKills(w.above)
	go func() {
		defer close(w.done)
		// Without the memory controller or the cgroup there is nothing to see.
		_ = cgroup.WatchAllOOM(ctx, path, func() { w.killed.Store(true) })
	}()
}

func (w *oomWatch) end() {
	if w.cancel != nil {
		w.cancel()
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
	return w.killed.Load() || cgroup.OOMKills(w.above) > w.before
}
