package jailed

import (
	"math"
	"syscall"
)

// resources holds the numbers from sys/resource.h.
var resources = map[string]int{
	"RLIMIT_CPU": 0, "RLIMIT_FSIZE": 1, "RLIMIT_DATA": 2, "RLIMIT_STACK": 3, "RLIMIT_CORE": 4, "RLIMIT_RSS": 5,
	"RLIMIT_MEMLOCK": 6, "RLIMIT_NPROC": 7, "RLIMIT_NOFILE": 8, "RLIMIT_SBSIZE": 9, "RLIMIT_VMEM": 10, "RLIMIT_AS": 10,
	"RLIMIT_NPTS": 11, "RLIMIT_SWAP": 12, "RLIMIT_KQUEUES": 13, "RLIMIT_UMTXP": 14, "RLIMIT_PIPEBUF": 15,
}

// setLimit uses package syscall, which then does not restore the original limit of open files on
// exec. A value above the kernel's infinity becomes infinity.
func setLimit(l Limit) error {
	return syscall.Setrlimit(l.Resource, &syscall.Rlimit{Cur: int64(min(l.Soft, math.MaxInt64)), Max: int64(min(l.Hard, math.MaxInt64))})
}
