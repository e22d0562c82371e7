package backends

import (
	"encoding/binary"
	"errors"
)

// kinfoSize is the size in bytes of FreeBSD's struct kinfo_proc with 64-bit pointers (sys/user.h).
// The other constants are the offsets of its members. The structure states its own size in its
// first member.
const (
	kinfoSize  = 1088
	kinfoPid   = 72
	kinfoPpid  = 76
	kinfoStart = 336 // struct timeval
	kinfoStat  = 388
)

// zombie is SZOMB in sys/proc.h.
const zombie = 5

var errKinfo = errors.New("kern.proc.pid: the result is not the struct kinfo_proc of this architecture")

// parseKinfo parses the struct kinfo_proc of process pid. It returns errKinfo if data has another
// layout or belongs to another process.
func parseKinfo(pid int, data []byte) (procStat, error) {
	if len(data) < kinfoSize {
		return procStat{}, errKinfo
	}
	word := func(at int) int { return int(int32(binary.LittleEndian.Uint32(data[at:]))) }
	if word(0) != kinfoSize || word(kinfoPid) != pid {
		return procStat{}, errKinfo
	}
	stat := procStat{state: 'R', ppid: word(kinfoPpid)}
	stat.start = binary.LittleEndian.Uint64(data[kinfoStart:])*1e6 + binary.LittleEndian.Uint64(data[kinfoStart+8:])
	if data[kinfoStat] == zombie {
		stat.state = 'Z'
	}
	return stat, nil
}
