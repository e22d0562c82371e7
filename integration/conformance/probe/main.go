//go:build linux

// probe prints, as one JSON object of strings, what a container is like for a process in it. The
// differential tests compare this. Its arguments are paths to look at more closely.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
)

// facts is what the probe finds, by names such as "status CapEff" or "mount /proc".
type facts map[string]string

// marker is a file in the root of every container that the tests make. Elsewhere the probe does
// nothing, because what it tries might be allowed there.
const marker = "/.probe-here"

// Stay on the first thread: the runtime has prepared no other.
func init() { runtime.LockOSThread() }

func main() {
	f := facts{}
	if _, err := os.Lstat(marker); err != nil {
		fmt.Fprintln(os.Stderr, "probe: this is no container of the conformance tests:", err)
		os.Exit(125)
	}
	// Before anything else opens a descriptor.
	f.descriptors()
	f.process()
	f.kernel()
	f.mounts()
	f.tree("/")
	f.network()
	f.limits()
	f.devicePolicy()
	f.tries()
	for _, path := range os.Args[1:] {
		f.path(path)
	}
	if err := json.NewEncoder(os.Stdout).Encode(f); err != nil {
		os.Exit(1)
	}
}
