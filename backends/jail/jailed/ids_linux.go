package jailed

import "syscall"

// setresuid changes the user IDs of the whole process.
func setresuid(real, effective, saved int) error { return syscall.Setresuid(real, effective, saved) }
