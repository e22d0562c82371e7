package backends

import "github.com/berth-oci/berth/backends/procfs"

func readStat(pid int) (procStat, error) {
	stat, err := procfs.Proc.Stat(pid)
	return procStat{state: stat.State, ppid: stat.Parent, exiting: stat.Exiting, start: stat.StartTime}, err
}
