//go:build 386 || arm

package process

import "golang.org/x/sys/unix"

// The calls without 32 in their names take IDs of 16 bits here.
const (
	sysSetgroups = unix.SYS_SETGROUPS32
	sysSetresgid = unix.SYS_SETRESGID32
	sysSetresuid = unix.SYS_SETRESUID32
)
