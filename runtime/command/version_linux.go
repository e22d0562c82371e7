package command

import "github.com/berth-oci/berth/backends/seccomp"

// libseccomp is the version of the library that filters are compiled with; "" for none.
func libseccomp() string { return seccomp.LibraryVersion() }
