// Package conformance compares berth with runc and crun on the same host. It
// has tests only, which need root and a test host with LXC and cgroup v2 alone:
//
//	go test -c -tags integration -o conformance.test ./integration/conformance
//	testhost run nspawn --bind DIR:/t -- /t/conformance.test -programs /t/peers/validation
//
// TestDifferential makes one container for each field and option of config.json
// with every runtime, and compares what the program in probe finds inside.
//
// TestValidation runs the TAP programs of opencontainers/runtime-tools, which
// are built from the module that peers/validation pins; the runc that it
// compares with is the one of peers/runc when that comes first on PATH.
package conformance
