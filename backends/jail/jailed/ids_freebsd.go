package jailed

import "golang.org/x/sys/unix"

// setresuid changes the user IDs of the whole process.
func setresuid(real, effective, saved int) error { return unix.Setresuid(real, effective, saved) }
