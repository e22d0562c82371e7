//go:build !linux

package crun

import "syscall"

// wait waits for a child.
func wait(pid int) (syscall.WaitStatus, error) { return waitBlocking(pid) }
