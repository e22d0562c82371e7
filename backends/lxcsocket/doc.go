// Package lxcsocket keeps containers away from the command sockets of LXC's
// monitors, whoever's they are. A monitor listens on an abstract address in the
// network namespace that lxc-start was started in, and serves uid 0 of the user
// namespace that it is in: by it, a process gets a directory of the host's
// cgroup file system, and so the host.
package lxcsocket
