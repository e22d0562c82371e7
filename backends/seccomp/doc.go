// Package seccomp turns linux.seccomp of a config.json into a filter program, and loads it.
//
// The two halves run in different places. [Compile] (or [Cached]) runs on the host when a container is created: it
// needs libseccomp. [Filter.Load] runs in the container's process just before its execve: it is one system call and
// needs nothing but the bytes that Compile made.
//
// The rules of the conversion are those of the OCI runtime specification ("Seccomp" in config-linux.md) and, where it
// is silent, of runc:
//
//   - The native architecture is always in the filter. A system call of an architecture that is not in it meets
//     libseccomp's bad-architecture action: the thread is killed.
//   - A rule whose action is the default action adds nothing and is left out; names that libseccomp does not know are
//     skipped, for a profile may be newer than the library.
//   - Two conditions on the same argument of one rule cannot both be in one libseccomp rule: each condition becomes a
//     rule of its own, so that any of them matches.
//   - A system call with a number above all those that the profile names, on that architecture, is newer than the
//     profile, and gets ENOSYS instead of a default action that forbids: C libraries fall back on ENOSYS only. (crun
//     has nothing like it; profiles that say defaultErrnoRet ENOSYS behave alike in all three.)
//   - No flags member at all means SECCOMP_FILTER_FLAG_SPEC_ALLOW where the kernel has it; an empty list means none.
//   - An errno for an action that cannot carry one is an error, as the specification demands (crun does so, runc not).
package seccomp
