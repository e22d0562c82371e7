//go:build 386 || arm

package process

import "golang.org/x/sys/unix"

// On these architectures the calls without 32 in their names take 16-bit IDs.
const (
	sysSetgroups = unix.SYS_SETGROUPS32
	sysSetresgid = unix.SYS_SETRESGID32
	sysSetresuid = unix.SYS_SETRESUID32
)
