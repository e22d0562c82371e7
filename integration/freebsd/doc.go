// Package freebsd tests the jail backend on Linux, command by command, with a
// stand-in for FreeBSD's tools (package standin): real processes in a real root
// with real mounts, but for the jail itself, which is a chroot. It has tests only,
// which need root and a busybox root; they make a mount namespace of their own:
//
//	go build -tags jailtest -o berth-jail .
//	go build -o standin ./integration/freebsd/standin
//	go test -c -tags testhost -o freebsd.test ./integration/freebsd
//	./freebsd.test -berth ./berth-jail -standin ./standin
package freebsd
