package backends

// Administered is a Backend whose containers also belong to a tool that administrators use
// directly, such as pct.
type Administered interface {
	// Administer replaces this process with the tool, called on the container. words are a
	// subcommand and its arguments. Administer returns an error if the backend has no such tool, if
	// the command would break the container, or if the tool cannot be run.
	Administer(c *Container, words []string) error
}
