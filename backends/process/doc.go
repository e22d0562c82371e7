// Package process gives the calling thread the attributes that process of a config.json asks for, and turns it into the
// user's program.
//
// It works in three places:
//
//   - On the host, when a container is created, [FromSpec] checks the values and makes [Attributes] of them: plain data
//     that goes to the container's process as JSON. [Attributes.Grant] does what needs the host's privileges: it raises
//     the hard limits of that process and sets its OOM score.
//   - In the container's process, with its namespaces and its root in place, on a thread locked with
//     runtime.LockOSThread, [Attributes.Prepare] sets everything that can fail for a reason worth reporting at create.
//     From then on the thread is the container's user.
//   - On the same thread, when the container is started, [Attributes.Exec] closes what must not be inherited, loads the
//     seccomp filter and execs.
//
// The order of the steps, and the words of the errors that engines read, are runc's, with one difference: the seccomp
// filter is always the last thing before execve. runc loads it before it changes the user where noNewPrivileges is not
// set, as loading then needs CAP_SYS_ADMIN; a filter must allow what runc still has to do after it (capset, setuid,
// waiting for start). Here the thread keeps CAP_SYS_ADMIN until execve, which drops it: what a program gets to be
// permitted depends on the bounding, inheritable and ambient sets alone (capabilities(7)), not on the permitted set
// before. With noNewPrivileges it does depend on it; there the set is exact, and the filter needs no privilege.
//
// What every POSIX platform has of it is in [Basics].
//
// All of it is about one thread. The others of the Go runtime keep what they have, and end in execve.
package process
