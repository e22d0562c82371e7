package stage

// Main does nothing: there is no backend on FreeBSD yet whose containers have a
// stage.
func Main() {}
