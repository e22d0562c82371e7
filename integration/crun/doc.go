// Package crun tests berth in front of crun and runc: that nothing is lost on
// the way, which backend a container gets, and what it costs.
//
//	go test -c -tags testhost -o crun.test ./integration/crun
//	crun.test -berth PATH [-backends crun,runc,lxc] [-cost] [-test.v]
//
// It runs as root where crun and runc can make containers, and gives itself one
// cgroup version where the host has both.
package crun
