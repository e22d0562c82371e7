package command

// keepDescriptors does nothing: no backend of FreeBSD leaves a process behind.
func keepDescriptors() error { return nil }

// inherited is 0: no backend of FreeBSD hands descriptors on.
const inherited = 0
