// Package process gives the calling thread the attributes of process in config.json, and turns the
// thread into the user's program.
//
// It works in three places:
//
//   - On the host, when a container is created, [FromSpec] turns the values into [Attributes] for
//     this kernel: plain data that goes to the container's process as JSON. [Attributes.Grant]
//     does what needs the host's privileges: it raises the hard limits of the container's process
//     and sets its OOM score.
//   - In the container's process, with its namespaces and its root in place, on a thread locked
//     with runtime.LockOSThread, [Attributes.Prepare] sets everything whose failure create should
//     report. From then on the thread runs as the container's user.
//   - On the same thread, when the container is started, [Prepared.Exec] closes what the program
//     must not inherit, loads the seccomp filter and execs.
//
// The steps have runc's order, and the errors that engines parse have runc's wording. There is one
// difference: berth always loads the seccomp filter last before execve. Without noNewPrivileges,
// runc loads it before it changes the user, because loading then needs CAP_SYS_ADMIN. A filter for
// runc must therefore allow what runc still does afterwards (capset, setuid, waiting for start). In
// berth the thread keeps CAP_SYS_ADMIN until execve, which drops it: the program's permitted set
// depends on the bounding, inheritable and ambient sets alone (capabilities(7)), not on the
// permitted set before. With noNewPrivileges the program's permitted set does depend on the one
// before. In that case Prepare sets exactly the configured set, because loading the filter needs no
// privilege.
//
// [Basics] holds the attributes that every POSIX platform has.
//
// All of this concerns one thread. The other threads of the Go runtime keep their attributes, and
// end at execve.
package process
