package backends

// Process identifies one process for as long as the host runs. A pid alone does not: once a process
// has been waited for, its pid may be given to another process.
type Process struct {
	Pid int `json:"pid,omitempty"`
	// StartTime is when the process was started. On Linux it is field 22 of /proc/PID/stat, in
	// clock ticks since boot (proc_pid_stat(5)). On FreeBSD it is in microseconds since 1970.
	StartTime uint64 `json:"startTime,omitempty"`
}

// Plausible reports whether p can be a container's process, or is unknown (zero). Pid 1 is not
// plausible because it is the host's init. A negative pid is not plausible because it stands for
// more than one process (kill(2)).
func (p Process) Plausible() bool { return p.Pid == 0 && p.StartTime == 0 || p.Pid > 1 }

// FindProcess reads the start time of a running process. It fails if there is no process with that
// pid.
func FindProcess(pid int) (Process, error) {
	stat, err := readStat(pid)
	if err != nil {
		return Process{}, err
	}
	return Process{Pid: pid, StartTime: stat.start}, nil
}

// Alive reports whether the process still runs. A zombie does not run.
func (p Process) Alive() bool {
	if p.Pid <= 0 {
		return false
	}
	stat, err := readStat(p.Pid)
	return err == nil && stat.start == p.StartTime && stat.state != 'Z' && stat.state != 'X'
}

// Ending reports whether the process has begun to end. It may still be waiting for the other
// processes in its pid namespace to end. On FreeBSD Ending is always false.
func (p Process) Ending() bool {
	stat, err := readStat(p.Pid)
	return err == nil && stat.start == p.StartTime && stat.exiting
}

// Stopped reports whether the process with that pid is stopped by a signal or a tracer. It also
// returns that process.
func Stopped(pid int) (Process, bool) {
	stat, err := readStat(pid)
	return Process{Pid: pid, StartTime: stat.start}, err == nil && (stat.state == 'T' || stat.state == 't')
}

// Exists reports whether the process exists, running or as a zombie.
func (p Process) Exists() bool {
	if p.Pid <= 0 {
		return false
	}
	stat, err := readStat(p.Pid)
	return err == nil && stat.start == p.StartTime
}

// Parent returns the pid of a process's parent.
func Parent(pid int) (int, error) {
	stat, err := readStat(pid)
	return stat.ppid, err
}

type procStat struct {
	state byte
	ppid  int
	// exiting is true if the process has begun to end.
	exiting bool
	start   uint64
}
