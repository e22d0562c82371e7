// Package lxcsocket keeps containers away from the command sockets of LXC's monitors, both berth's
// and the administrator's. A monitor listens on an abstract address in the network namespace in
// which lxc-start was started, and serves uid 0 of its user namespace. Through it a process can get
// a directory of the host's cgroup file system, and with that the host.
package lxcsocket
