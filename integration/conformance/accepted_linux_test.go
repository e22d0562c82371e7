//go:build linux && integration

package conformance

import "path"

// acceptance is why some facts need be neither as under runc nor as under crun.
type acceptance struct {
	// trials and keys are patterns of path.Match, in which * does not match a
	// slash; an empty one stands for all.
	trials, keys string
	// runtime is empty for all.
	runtime string
	why     string
}

// accepted are all; one that is used by no difference fails the test.
var accepted = []acceptance{
	{keys: "processes", why: "LXC's init, the warden, is one task of the container's pid namespace."},
}

func (d difference) isMeantBy(a acceptance) bool {
	match := func(pattern, text string) bool {
		ok, err := path.Match(pattern, text)
		return pattern == "" || err == nil && ok
	}
	return match(a.trials, d.trial) && match(a.keys, d.key) && (a.runtime == "" || a.runtime == d.runtime)
}
