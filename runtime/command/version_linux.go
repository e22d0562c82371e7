package command

import "github.com/berth-oci/berth/backends/seccomp"

// libseccomp returns the version of the library that compiles filters, or "" if there is none.
func libseccomp() string { return seccomp.LibraryVersion() }
