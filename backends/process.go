package backends

// Process names one process for as long as the host runs: a pid alone may be
// given to another process once this one has been waited for.
type Process struct {
	Pid int `json:"pid,omitempty"`
	// StartTime is when it was started. On Linux it is field 22 of
	// /proc/PID/stat, in clock ticks since boot (proc_pid_stat(5)), on FreeBSD
	// microseconds since 1970.
	StartTime uint64 `json:"startTime,omitempty"`
}

// Plausible says that it can be a container's process, or is not known: init's is
// not, and a negative number is more than one process (kill(2)).
func (p Process) Plausible() bool { return p.Pid == 0 && p.StartTime == 0 || p.Pid > 1 }

// FindProcess reads the start time of a running process.
func FindProcess(pid int) (Process, error) {
	stat, err := readStat(pid)
	if err != nil {
		return Process{}, err
	}
	return Process{Pid: pid, StartTime: stat.start}, nil
}

// Alive says whether the process still runs. A zombie does not.
func (p Process) Alive() bool {
	if p.Pid <= 0 {
		return false
	}
	stat, err := readStat(p.Pid)
	return err == nil && stat.start == p.StartTime && stat.state != 'Z' && stat.state != 'X'
}

// Ending says that the process has begun to end, and may be waiting for those in
// its pid namespace to do so.
func (p Process) Ending() bool {
	stat, err := readStat(p.Pid)
	return err == nil && stat.start == p.StartTime && stat.exiting
}

// Stopped says whether a process is stopped, by a signal or a tracer, and which one it
// is.
func Stopped(pid int) (Process, bool) {
	stat, err := readStat(pid)
	return Process{Pid: pid, StartTime: stat.start}, err == nil && (stat.state == 'T' || stat.state == 't')
}

// Exists says whether the process is there, running or a zombie.
func (p Process) Exists() bool {
	if p.Pid <= 0 {
		return false
	}
	stat, err := readStat(p.Pid)
	return err == nil && stat.start == p.StartTime
}

// Parent is the pid of the parent of a process.
func Parent(pid int) (int, error) {
	stat, err := readStat(pid)
	return stat.ppid, err
}

type procStat struct {
	state byte
	ppid  int
	// exiting says that it has begun to end.
	exiting bool
	start   uint64
}
