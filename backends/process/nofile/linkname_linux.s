// In a package with an assembly file, Go accepts a function declaration without a body.
