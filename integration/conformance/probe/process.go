//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// descriptors records the open descriptors and what they refer to.
func (f facts) descriptors() {
	buf := make([]byte, unix.PathMax)
	for fd := range 256 {
		n, err := unix.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd), buf)
		if err != nil {
			continue
		}
		flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		own, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		f[fmt.Sprintf("descriptor %d", fd)] = fmt.Sprintf("%s %#o %d", buf[:n], flags, own)
	}
}

// unsteady are the lines of /proc/self/status that are not compared. Most of them hold amounts.
// SigIgn shows the signals that the runtime's caller ignores, which runc and crun pass on and berth
// does not.
const unsteady = " VmPeak VmSize VmLck VmPin VmHWM VmRSS RssAnon RssFile RssShmem VmData VmStk VmExe VmLib VmPTE VmSwap HugetlbPages Threads SigQ " +
	"SigPnd SigIgn ShdPnd voluntary_ctxt_switches nonvoluntary_ctxt_switches FDSize State "

// process records the attributes that /proc and prctl show.
func (f facts) process() {
	for line := range strings.Lines(read("/proc/self/status")) {
		if name, value, ok := strings.Cut(line, ":"); ok && !strings.Contains(unsteady, " "+name+" ") {
			f["status "+name] = strings.Join(strings.Fields(value), " ")
		}
	}
	// Go raises its own limit of descriptors, but gives a child the original one.
	limits, err := exec.Command("/bin/busybox", "cat", "/proc/self/limits").Output()
	if err != nil {
		f["limit"] = err.Error()
	}
	for line := range strings.Lines(string(limits)) {
		if len(line) > 26 {
			f["limit "+strings.TrimSpace(line[:26])] = strings.Join(strings.Fields(line[26:]), " ")
		}
	}
	for _, name := range []string{"attr/current", "attr/exec", "uid_map", "gid_map", "setgroups", "oom_score_adj", "coredump_filter",
		"loginuid", "sessionid", "timens_offsets", "comm", "personality"} {
		f["proc "+name] = strings.TrimSpace(read("/proc/self/" + name))
	}
	// Containers do not use the hierarchies of cgroup v1, if the host has any.
	_, f["cgroup"], _ = strings.Cut(strings.TrimSpace(read("/proc/self/cgroup")), "0::")
	for _, name := range []string{"cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children", "user", "uts"} {
		f["namespace "+name] = link("/proc/self/ns/" + name)
	}
	for i, e := range os.Environ() {
		f[fmt.Sprintf("environment %d", i)] = e
	}
	for i, a := range os.Args {
		f[fmt.Sprintf("argument %d", i)] = a
	}
	var cwd [unix.PathMax]byte
	n, err := unix.Getcwd(cwd[:])
	f["cwd"] = fmt.Sprintf("%s %v", cwd[:max(n-1, 0)], err)
	f["cwd link"] = link("/proc/self/cwd")
	f["exe"] = link("/proc/self/exe")
	f["root"] = link("/proc/self/root")
	sid, _ := unix.Getsid(0)
	f["ids"] = fmt.Sprintf("pid %d ppid %d pgid %d sid %d", os.Getpid(), os.Getppid(), unix.Getpgrp(), sid)
	for name, option := range map[string]int{"dumpable": unix.PR_GET_DUMPABLE, "keepcaps": unix.PR_GET_KEEPCAPS, "securebits": unix.PR_GET_SECUREBITS,
		"no_new_privs": unix.PR_GET_NO_NEW_PRIVS, "seccomp": unix.PR_GET_SECCOMP, "thp disable": unix.PR_GET_THP_DISABLE, "mdwe": unix.PR_GET_MDWE} {
		value, err := unix.PrctlRetInt(option, 0, 0, 0, 0)
		f["prctl "+name] = fmt.Sprintf("%d %v", value, err)
	}
	for name, option := range map[string]uintptr{"pdeathsig": unix.PR_GET_PDEATHSIG, "subreaper": unix.PR_GET_CHILD_SUBREAPER} {
		f["prctl "+name] = getInt(option)
	}
	pids, _ := filepath.Glob("/proc/[0-9]*")
	f["processes"] = fmt.Sprint(len(pids))
}

func read(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "error: " + err.Error()
	}
	return string(data)
}

func link(path string) string {
	target, err := os.Readlink(path)
	if err != nil {
		return "error: " + err.Error()
	}
	return target
}
