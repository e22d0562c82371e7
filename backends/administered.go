package backends

// Administered is a Backend whose containers can also be those of a tool that
// administrators know them by.
type Administered interface {
	// Administer replaces this process by the tool's command on the container:
	// words are a subcommand and its arguments. It returns if the backend has no
	// such tool, if that would break the container, or if the tool cannot be run.
	Administer(c *Container, words []string) error
}
