// Package lifecycle calls berth as an engine does, command by command, and checks the effects from
// outside: states, exit statuses, the process and its attributes, hooks, namespaces, error messages
// and what is left behind. It has only tests. They need root, LXC, cgroup v2 and a busybox root,
// and for pct a Proxmox VE node or the stand-in of integration/pve:
//
//	go test -c -tags integration -o lifecycle.test ./integration/lifecycle
//	testhost run nspawn --bind DIR:/t -- /t/lifecycle.test -berth /t/berth -backend lxc
//
// With -backend runc and runc as -berth, the tests that are not about berth itself run against this
// peer, which proves the tests.
package lifecycle
