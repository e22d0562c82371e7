package initproc

// Main does nothing: a jail's first process is package jailed's, which takes over
// in its init.
func Main() {}
