//go:build !jailtest

package command

import "github.com/berth-oci/berth/runtime"

// further backends are for tests alone.
var further []runtime.Maker
