// Package bundle tests berth bundle with images that podman and buildah make. The tests run as root
// in a throw-away test host:
//
//	go test -c -tags testhost ./integration/bundle
//	bundle.test -berth /berth/berth -backends lxc,crun,pct
//
// With -measure DIR -test.run Cost it measures berth bundle beside tar and umoci instead.
package bundle
