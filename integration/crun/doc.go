// Package crun tests berth in front of crun and runc: that nothing is lost on the way, which
// backend a container gets, and what berth costs.
//
//	go test -c -tags testhost -o crun.test ./integration/crun
//	crun.test -berth PATH [-backends crun,runc,lxc] [-cost] [-test.v]
//
// The tests run as root where crun and runc can make containers. If the host has both cgroup
// versions, they give themselves a mount namespace with only one.
package crun
