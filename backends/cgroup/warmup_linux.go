package cgroup

import (
	"os"
	"path/filepath"
)

// Anticipate gets over with a wait that would come later. The kernel lets the
// first move of a process between cgroups wait for a grace period of RCU, some
// 6 ms, and more on a busy machine, those that follow soon after not at all
// (cgroup_threadgroup_rwsem, a percpu_rw_semaphore). LXC moves its monitor when
// nothing else can be done beside. Berth's process is "moved" to where it is,
// which changes nothing, while there is other work. Where that is not possible
// nothing is lost.
func WarmUp() {
	go func() {
		own, err := Of(os.Getpid())
		if err == nil {
			_ = os.WriteFile(filepath.Join(Mount, own, "cgroup.procs"), []byte("0"), 0)
		}
	}()
}
