// Package freebsd tests the jail backend on Linux, command by command, with a stand-in for
// FreeBSD's tools (package standin). Processes, root and mounts are real. Only the jail itself is
// replaced, by a chroot. The package contains only tests. They need root and a busybox root file
// system, and run in their own mount namespace:
//
//	go build -tags jailtest -o berth-jail .
//	go build -o standin ./integration/freebsd/standin
//	go test -c -tags testhost -o freebsd.test ./integration/freebsd
//	./freebsd.test -berth ./berth-jail -standin ./standin
package freebsd
