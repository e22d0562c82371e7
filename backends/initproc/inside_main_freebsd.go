package initproc

// Main does nothing. The init function of package jailed takes over in a jail's first process.
func Main() {}
