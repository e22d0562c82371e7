//go:build !jailtest

package command

import "github.com/berth-oci/berth/runtime"

// further are backends for tests. This build has none.
var further []runtime.Maker
