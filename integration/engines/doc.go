// Package engines tests berth under the engines that call it: podman, Docker Engine, and containerd
// with its runc shim. Every test runs with each runtime of -runtimes. One of them should be crun or
// runc, which shows that the test itself is right. No runtime may leave anything behind on the
// host.
//
// Each test of the suites podman, limits, containerd and cri is about one thing. The suites
// scenarios and docker are tables of an engine's own operations: a few commands and all their
// output, the same for every runtime.
//
// Berth in front of crun or runc must give the same results as crun or runc alone, test by test.
// The flag -same names such pairs, and a difference fails the suite.
//
// The tests need root and a host that they may change. They are compiled outside and run in a test
// host (integration/testhost):
//
//	go test -c -o DIR/engines.test ./integration/engines
//	testhost run nspawn --bind DIR:/t -- /t/engines.test -runtimes crun,/t/berth-lxc
package engines
