package suite

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Process is a process as in /proc/PID/stat (proc_pid_stat(5)).
type Process struct {
	Pid, Parent int
	State       byte
	// Start is the start time. Together with the pid it names one process.
	Start string
	Comm  string
}

// Processes returns all processes of the host.
func Processes() (list []Process) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if p, err := ReadProcess(pid); err == nil {
			list = append(list, p)
		}
	}
	return list
}

// ReadProcess returns the process with a pid.
func ReadProcess(pid int) (Process, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Process{}, err
	}
	open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	fields := bytes.Fields(data[end+1:])
	if open < 0 || end < 0 || len(fields) < 20 {
		return Process{}, errors.New("odd /proc/PID/stat")
	}
	parent, err := strconv.Atoi(string(fields[1]))
	return Process{pid, parent, fields[0][0], string(fields[19]), string(data[open+1 : end])}, err
}

// Exists reports whether this same process still runs.
func (p Process) Exists() bool {
	now, err := ReadProcess(p.Pid)
	return err == nil && now.Start == p.Start && now.State != 'Z' && now.State != 'X'
}

// LeftProcesses lists the processes of a suite that has ended: those with its directory in their
// command line or root, and those whose command line begins with one of the names.
func LeftProcesses(names ...string) string {
	var left strings.Builder
	for _, p := range Processes() {
		words, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.Pid))
		root, _ := os.Readlink(fmt.Sprintf("/proc/%d/root", p.Pid))
		ours := strings.Contains(string(words), dir) || strings.HasPrefix(root, dir)
		for _, name := range names {
			ours = ours || strings.HasPrefix(string(words), name)
		}
		if ours && p.Pid != os.Getpid() {
			fmt.Fprintf(&left, "process %d: %q in %s\n", p.Pid, words, root)
		}
	}
	return left.String()
}

// MountsBelow returns the mount points at and below a directory in a process's mount namespace.
func MountsBelow(t *testing.T, pid int, dir string) (list []string) {
	t.Helper()
	for line := range strings.Lines(Proc(t, pid, "mountinfo")) {
		if w := strings.Fields(line); len(w) > 4 && (w[4] == dir || strings.HasPrefix(w[4], dir+"/")) {
			list = append(list, w[4])
		}
	}
	return list
}

// Proc returns the content of a file of a process in /proc.
func Proc(t *testing.T, pid int, file string) string {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Field returns a field of /proc/PID/status (proc_pid_status(5)) with single spaces between its
// words.
func Field(t *testing.T, pid int, name string) string {
	t.Helper()
	_, rest, found := strings.Cut("\n"+Proc(t, pid, "status"), "\n"+name+":")
	if !found {
		t.Fatalf("process %d has no %s", pid, name)
	}
	line, _, _ := strings.Cut(rest, "\n")
	return strings.Join(strings.Fields(line), " ")
}

// Catches reports whether a process has a handler for a signal.
func Catches(t *testing.T, pid int, signal syscall.Signal) bool {
	t.Helper()
	mask, err := strconv.ParseUint(Field(t, pid, "SigCgt"), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return mask&(1<<(signal-1)) != 0
}

// Namespace returns the name that the kernel gives a namespace of a process, such as
// "net:[4026531840]".
func Namespace(t *testing.T, pid int, kind string) string {
	t.Helper()
	name, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// Cgroup returns the path of a process's cgroup of version 2.
func Cgroup(t *testing.T, pid int) string {
	t.Helper()
	_, path, found := strings.Cut("\n"+Proc(t, pid, "cgroup"), "\n0::")
	if !found {
		t.Fatalf("process %d has no cgroup of version 2", pid)
	}
	path, _, _ = strings.Cut(path, "\n")
	return path
}

// ReadPid returns the pid in a file that a runtime has written.
func ReadPid(path string) (int, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(string(data))
	if err != nil {
		return 0, fmt.Errorf("the pid file %s: %w", path, err)
	}
	return pid, nil
}
