// Package initproc is the init process: berth itself, executed again in the container's pid (and
// user) namespace. The init process enters the enclosure, builds the root, sets the attributes of
// process in config.json, waits for start, and execs the user's program.
//
// create calls Spawn, Prepare and Free. Main is what the init process does.
package initproc
