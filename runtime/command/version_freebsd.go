package command

// libseccomp returns "": FreeBSD has no seccomp.
func libseccomp() string { return "" }
