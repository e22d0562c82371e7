// Package rootfs builds a container's file system tree from config.json: root, mounts, and the
// parts of linux that concern devices, sysctls, and masked and read-only paths.
//
// The work has two halves, and only file descriptors pass between them. On the host, [Open] looks
// up every source once and keeps it as a detached mount. Inside the container's namespaces,
// [Attach] and the methods of [Root] resolve every target inside the root, one component at a time,
// and attach the detached mounts there. No path is looked up twice. The container, or another
// container that shares a volume with it, therefore cannot redirect a mount or a write by changing
// a path in the meantime.
package rootfs
