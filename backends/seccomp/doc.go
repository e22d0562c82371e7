// Package seccomp compiles linux.seccomp of a config.json to a filter program, and loads it.
//
// The two halves run in different places. [Compile] (or [Cached]) runs on the host when a container
// is created, and needs libseccomp. [Filter.Load] runs in the container's process just before its
// execve. It makes one system call and needs only the bytes from Compile.
//
// The conversion follows the OCI runtime specification ("Seccomp" in config-linux.md) and, where
// the specification is silent, runc:
//
//   - The native architecture is always in the filter. A system call of an architecture that is not
//     in the filter gets libseccomp's bad-architecture action: the thread is killed.
//   - A rule whose action is the default action has no effect and is left out. Names that
//     libseccomp does not know are skipped, because a profile may be newer than the library.
//   - libseccomp cannot have two conditions on the same argument in one rule. If a rule has two,
//     each of its conditions becomes a separate rule, and any of them matches.
//   - A system call whose number is above all numbers that the profile names on that architecture
//     is newer than the profile. It gets ENOSYS instead of a default action that forbids it,
//     because C libraries fall back only on ENOSYS. (crun does not do this. With defaultErrnoRet
//     ENOSYS all three runtimes behave alike.)
//   - A missing flags member means SECCOMP_FILTER_FLAG_SPEC_ALLOW if the kernel has it. An empty
//     list means no flags.
//   - An errno for an action that cannot have one is an error, as the specification demands (and as
//     in crun, but not in runc).
package seccomp
