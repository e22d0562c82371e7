package command

// libseccomp is "": FreeBSD has no seccomp.
func libseccomp() string { return "" }
