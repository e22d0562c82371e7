package cgroup

import "os"

// WarmUp takes a wait in advance, in the background. The kernel delays the first move of a process
// between cgroups by an RCU grace period of some 6 ms, and more on a busy machine. It does not
// delay moves that soon follow (cgroup_threadgroup_rwsem, a percpu_rw_semaphore). LXC moves its
// monitor at a time when berth has nothing else to do. WarmUp therefore "moves" berth's process to
// the cgroup that it is in, which changes nothing, while other work is done. If that fails, nothing
// is lost.
func WarmUp() {
	go func() {
		if own, err := OpenOf(os.Getpid()); err == nil {
			_ = own.Write(procsFile, "0")
			own.Close()
		}
	}()
}
