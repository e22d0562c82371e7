// Package operate tests what runc has beyond the OCI lifecycle (exec, ps, pause, resume, update,
// events) on berth's own backends: from outside, command by command, and beside runc on the same
// bundle where runc can be asked. It has only tests. They need root, LXC, runc, cgroup v2 and a
// busybox root, and for pct a Proxmox VE node or the stand-in of integration/pve:
//
//	go test -c -tags testhost -o operate.test ./integration/operate
//	testhost run nspawn --bind DIR:/t -- /t/operate.test -berth /t/berth -backend lxc
package operate
