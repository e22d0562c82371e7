// Package bundle tests berth bundle with the images that podman and buildah make,
// as root in a test host that may be spoiled:
//
//	go test -c -tags testhost ./integration/bundle
//	bundle.test -berth /berth/berth -backends lxc,crun,pct
//
// -measure DIR -test.run Cost measures it beside tar and umoci instead.
package bundle
