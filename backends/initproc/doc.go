// Package initproc is the container's first process before it becomes the user's:
// berth itself, executed anew in the container's pid (and user) namespace, which
// enters the enclosure, builds the root, takes on the attributes of
// process of config.json, waits for start, and execs.
//
// Spawn, Prepare and Free are create's side of it; Main is what the init process does.
package initproc
