// Package lifecycle calls berth as an engine does, command by command, and
// looks at what it did from outside: states, exit statuses, the process and its
// attributes, hooks, namespaces, the words of errors, what is left behind. It
// has tests only, which need root, LXC and cgroup v2 alone, a busybox root, and
// for pct a Proxmox VE node or the stand-in of integration/pve:
//
//	go test -c -tags integration -o lifecycle.test ./integration/lifecycle
//	testhost run nspawn --bind DIR:/t -- /t/lifecycle.test -berth /t/berth -backend lxc
//
// With -backend runc, and that program as -berth, the tests that are not about
// berth itself run against a peer, which proves the tests.
package lifecycle
