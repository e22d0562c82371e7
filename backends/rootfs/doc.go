// Package rootfs builds the tree of file systems that a container sees, as the config's root, mounts
// and linux sections describe it.
//
// The work is in two halves that meet only in file descriptors. On the host, [Open] looks up every
// source once and keeps it as a detached mount. Inside the container's namespaces, [Attach] and the
// methods of [Root] resolve every target inside the root, component by component, and put the
// detached mounts there. No path is looked up twice, so nothing that the container (or another one
// that shares a volume with it) does meanwhile can send a mount or a write elsewhere.
package rootfs
