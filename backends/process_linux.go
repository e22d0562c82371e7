package backends

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// exiting is PF_EXITING in the kernel's linux/sched.h.
const exiting = 0x4

var errStat = errors.New("unexpected format")

// readStat reads /proc/PID/stat. The command name in it is in parentheses and may contain anything,
// even parentheses and newlines. So readStat counts the fields from the last closing parenthesis.
func readStat(pid int) (procStat, error) {
	path := "/proc/" + strconv.Itoa(pid) + "/stat"
	data, err := os.ReadFile(path)
	if err != nil {
		return procStat{}, err
	}
	end := bytes.LastIndexByte(data, ')')
	fields := bytes.Fields(data[end+1:])
	if end < 0 || len(fields) < 20 || len(fields[0]) != 1 {
		return procStat{}, fmt.Errorf("%s: %w", path, errStat)
	}
	ppid, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return procStat{}, fmt.Errorf("%s: %w", path, err)
	}
	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return procStat{}, fmt.Errorf("%s: %w", path, err)
	}
	flags, err := strconv.ParseUint(string(fields[6]), 10, 64)
	if err != nil {
		return procStat{}, fmt.Errorf("%s: %w", path, err)
	}
	return procStat{state: fields[0][0], ppid: ppid, exiting: flags&exiting != 0, start: start}, nil
}
