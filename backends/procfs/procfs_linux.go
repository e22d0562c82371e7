// Package procfs reads the files of processes in /proc (proc(5)).
package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Dir is the directory of a procfs.
type Dir string

// Proc is the procfs of the host.
const Proc Dir = "/proc"

// Stat are fields of /proc/PID/stat (proc_pid_stat(5)).
type Stat struct {
	// State is a letter: Z for a zombie, T for a stopped process, and so on.
	State  byte
	Parent int
	// Exiting is true if the process has begun to end.
	Exiting bool
	// StartTime is in clock ticks since boot.
	StartTime uint64
}

// exiting is PF_EXITING in the kernel's linux/sched.h.
const exiting = 0x4

var errStat = errors.New("unexpected format")

// Path returns the path of a process's file.
func (d Dir) Path(pid int, name string) string {
	return filepath.Join(string(d), strconv.Itoa(pid), name)
}

// Stat reads /proc/PID/stat. The command name in it is in parentheses and may contain anything,
// even parentheses and newlines. So the fields are counted from the last closing parenthesis.
func (d Dir) Stat(pid int) (Stat, error) {
	path := d.Path(pid, "stat")
	data, err := os.ReadFile(path)
	if err != nil {
		return Stat{}, err
	}
	end := bytes.LastIndexByte(data, ')')
	fields := strings.Fields(string(data[end+1:]))
	if end < 0 || len(fields) < 20 || len(fields[0]) != 1 {
		return Stat{}, fmt.Errorf("%s: %w", path, errStat)
	}
	parent, err1 := strconv.Atoi(fields[1])
	flags, err2 := strconv.ParseUint(fields[6], 10, 64)
	start, err3 := strconv.ParseUint(fields[19], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return Stat{}, fmt.Errorf("%s: %w", path, err)
	}
	return Stat{State: fields[0][0], Parent: parent, Exiting: flags&exiting != 0, StartTime: start}, nil
}

// CommandLine returns the words of /proc/PID/cmdline, none for a kernel thread. A process can
// change its own (proc_pid_cmdline(5)).
func (d Dir) CommandLine(pid int) ([]string, error) {
	data, err := os.ReadFile(d.Path(pid, "cmdline"))
	if err != nil || len(data) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00"), nil
}

// Cgroup returns the cgroup v2 of a process, relative to the mount of the cgroup file system
// (cgroups(7)).
func (d Dir) Cgroup(pid int) (string, error) {
	file := d.Path(pid, "cgroup")
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if path, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s has no cgroup v2 entry", file)
}

// Watched returns the pids of the processes to which a process holds pidfds (proc_pid_fdinfo(5)).
// It leaves out processes that have ended, and those outside the pid namespace of the procfs.
func (d Dir) Watched(pid int) ([]int, error) {
	dir := d.Path(pid, "fdinfo")
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, f := range files {
		data, _ := os.ReadFile(filepath.Join(dir, f.Name()))
		for line := range strings.Lines(string(data)) {
			if value, ok := strings.CutPrefix(line, "Pid:\t"); ok {
				if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && n > 0 {
					pids = append(pids, n)
				}
			}
		}
	}
	return pids, nil
}
