// Package conformance compares berth with runc and crun on the same host. It contains only tests,
// which need root and a test host with LXC and cgroup v2 only (no v1):
//
//	go test -c -tags integration -o conformance.test ./integration/conformance
//	testhost run nspawn --bind DIR:/t -- /t/conformance.test -programs /t/peers/validation
//
// TestDifferential makes one container with every runtime for each field and option of config.json,
// and compares what the program in probe finds inside.
//
// TestValidation runs the TAP programs of opencontainers/runtime-tools, which are built from the
// module that peers/validation pins. It compares with the runc that peers/runc pins if that runc
// comes first on PATH.
package conformance
