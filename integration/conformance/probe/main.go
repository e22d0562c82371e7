//go:build linux

// probe tells, as one JSON object of strings, what a container is like for the
// process in it: what the differential tests compare. Its arguments are paths
// to look at more closely.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
)

// facts are what is found, by names such as "status CapEff" or "mount /proc".
type facts map[string]string

// marker is what the root of a container that the tests make holds: elsewhere
// the probe does nothing, for what it tries could be allowed.
const marker = "/.probe-here"

// The first thread is the one that the runtime has prepared.
func init() { runtime.LockOSThread() }

func main() {
	f := facts{}
	if _, err := os.Lstat(marker); err != nil {
		fmt.Fprintln(os.Stderr, "probe: this is no container of the conformance tests:", err)
		os.Exit(125)
	}
	// First of all, before anything is opened.
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
