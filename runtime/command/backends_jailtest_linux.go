//go:build jailtest

package command

import (
	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/jail"
	"github.com/berth-oci/berth/runtime"
	"github.com/berth-oci/berth/spec"
)

// This build is for integration/freebsd. It has the jail backend, with stand-ins for FreeBSD's
// tools, and takes every config.json for one of FreeBSD.
func init() { spec.Platform = spec.FreeBSD }

var further = []runtime.Maker{
	{Name: jail.Name, Make: func() (backends.Backend, error) { return jail.New(), keepDescriptors() }},
}
