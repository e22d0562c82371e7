//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

func getInt(option uintptr) string {
	var value int32
	_, _, errno := unix.Syscall(unix.SYS_PRCTL, option, uintptr(unsafe.Pointer(&value)), 0)
	return fmt.Sprintf("%d %d", value, errno)
}

// kernel records what system calls and sysctls show.
func (f facts) kernel() {
	var name unix.Utsname
	_ = unix.Uname(&name)
	f["hostname"] = unix.ByteSliceToString(name.Nodename[:])
	f["domainname"] = unix.ByteSliceToString(name.Domainname[:])
	f["machine"] = unix.ByteSliceToString(name.Machine[:])
	persona, _, errno := unix.Syscall(unix.SYS_PERSONALITY, 0xffffffff, 0, 0)
	f["personality"] = fmt.Sprintf("%#x %d", persona, errno)
	if attr, err := unix.SchedGetAttr(0, 0); err == nil {
		f["scheduler"] = fmt.Sprintf("policy %d flags %#x nice %d priority %d runtime %d deadline %d period %d", attr.Policy, attr.Flags, attr.Nice, attr.Priority,
			attr.Runtime, attr.Deadline, attr.Period)
	}
	priority, _, errno := unix.Syscall(unix.SYS_IOPRIO_GET, 1, 0, 0)
	f["ioprio"] = fmt.Sprintf("%#x %d", priority, errno)
	var mode int32
	var nodes [16]uint64
	_, _, errno = unix.Syscall6(unix.SYS_GET_MEMPOLICY, uintptr(unsafe.Pointer(&mode)), uintptr(unsafe.Pointer(&nodes)), 1024, 0, 0, 0)
	f["mempolicy"] = fmt.Sprintf("%#x %x %d", mode, nodes[0], errno)
	if text, err := unix.KeyctlString(unix.KEYCTL_DESCRIBE, unix.KEY_SPEC_SESSION_KEYRING); err == nil {
		f["session keyring"] = text
	} else {
		f["session keyring"] = err.Error()
	}
	for _, key := range []string{"kernel/shm_rmid_forced", "kernel/msgmax", "kernel/msgmnb", "kernel/shmall", "kernel/shmmax", "kernel/shmmni", "kernel/sem",
		"kernel/hostname", "kernel/domainname", "fs/mqueue/msg_max", "fs/mqueue/queues_max", "net/ipv4/ip_forward", "net/ipv4/ip_unprivileged_port_start",
		"net/ipv4/ping_group_range", "net/core/somaxconn", "user/max_user_namespaces", "kernel/ngroups_max"} {
		f["sysctl "+key] = strings.TrimSpace(read("/proc/sys/" + key))
	}
}

// network records the network interfaces and their addresses.
func (f facts) network() {
	list, err := net.Interfaces()
	if err != nil {
		f["network"] = err.Error()
	}
	for _, i := range list {
		addresses, _ := i.Addrs()
		f["interface "+i.Name] = fmt.Sprintf("%v %d %v", i.Flags, i.MTU, addresses)
	}
}

// mounts records the mount table: each mount by its target, with the target of the mount that it is
// on. It does not record the order of the table, which is only the order in which the mounts were
// made.
func (f facts) mounts() {
	var all []string
	targets := map[string]string{}
	for line := range strings.Lines(read("/proc/self/mountinfo")) {
		if w := strings.Fields(line); len(w) > 4 {
			targets[w[0]] = w[4]
		}
	}
	for line := range strings.Lines(read("/proc/self/mountinfo")) {
		w := strings.Fields(line)
		dash := 6
		for dash < len(w) && w[dash] != "-" {
			dash++
		}
		if dash+3 >= len(w) {
			continue
		}
		var shared []string
		for _, tag := range w[6:dash] {
			kind, _, _ := strings.Cut(tag, ":")
			shared = append(shared, kind)
		}
		key := "mount " + w[4]
		for n := 2; f[key] != ""; n++ {
			key = fmt.Sprintf("mount %s#%d", w[4], n)
		}
		f[key] = fmt.Sprintf("on %s, root %s, %s, %s, type %s of %s, %s", targets[w[1]], w[3], w[5], shared, w[dash+1], w[dash+2], w[dash+3])
		all = append(all, w[4])
	}
	slices.Sort(all)
	f["mounts"] = strings.Join(all, " ")
}

// tree records the files below root, except those that the kernel makes up (ofTheKernel).
func (f facts) tree(root string) {
	_ = filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		var st unix.Stat_t
		if filepath.Base(path) == madeName {
			return nil
		}
		if err != nil || unix.Lstat(path, &st) != nil {
			f["file "+path] = fmt.Sprint(err)
			return nil
		}
		f["file "+path] = describe(path, &st)
		if entry.IsDir() && ofTheKernel(path) {
			return filepath.SkipDir
		}
		return nil
	})
}

// ofTheKernel is true if the kernel makes up a directory's content, which then differs each time.
func ofTheKernel(path string) bool {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return false
	}
	switch fs.Type {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.DEVPTS_SUPER_MAGIC:
		return true
	}
	return false
}

func describe(path string, st *unix.Stat_t) string {
	text := fmt.Sprintf("%#o %d:%d", st.Mode, st.Uid, st.Gid)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFCHR, unix.S_IFBLK:
		text += fmt.Sprintf(" %d,%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	case unix.S_IFLNK:
		text += " -> " + link(path)
	case unix.S_IFREG:
		text += fmt.Sprintf(" %d bytes", st.Size)
	}
	return text
}
