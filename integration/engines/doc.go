// Package engines tests berth under the engines that call it: podman, Docker
// Engine, and containerd with its runc shim. Every test runs with every runtime
// that is named, one of them crun or runc, which proves the test; and behind each
// runtime nothing may be left on the host.
//
// The suites podman, limits and containerd look at one thing each; those called
// scenarios and docker are tables of an engine's own operations, a few commands
// of it and all that they write, the same for every runtime.
//
// Berth in front of crun or runc must have their results, test by test: -same
// names such pairs, and a difference fails the suite.
//
// The tests need root and a host that is theirs to change. They are compiled
// outside and run in a test host (integration/testhost):
//
//	go test -c -o DIR/engines.test ./integration/engines
//	testhost run nspawn --bind DIR:/t -- /t/engines.test -runtimes crun,/t/berth-lxc
package engines
