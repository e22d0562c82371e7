package backends

import (
	"encoding/binary"
	"testing"
	"unsafe"
)

// kinfoProc is the beginning of FreeBSD's struct kinfo_proc (sys/user.h) with 64-bit pointers, as a
// Go struct. It ends with the last member that berth reads.
type kinfoProc struct {
	Structsize, Layout                                    int32
	Args, Paddr, Addr, Tracep, Textvp, Fd, Vmspace, Wchan uint64
	Pid, Ppid, Pgid, Tpgid, Sid, Tsid                     int32
	Jobc, SpareShort1                                     int16
	TdevFreebsd11                                         uint32
	Siglist, Sigmask, Sigignore, Sigcatch                 [4]uint32
	Uid, Ruid, Svuid, Rgid, Svgid                         uint32
	Ngroups, SpareShort2                                  int16
	Groups                                                [16]uint32
	Size                                                  uint64
	Rssize, Swrss, Tsize, Dsize, Ssize                    int64
	Xstat, Acflag                                         uint16
	Pctcpu, Estcpu, Slptime, Swtime, Cow                  uint32
	Runtime                                               uint64
	Start, Childtime                                      [2]int64
	Flag, Kiflag                                          int64
	Traceflag                                             int32
	Stat                                                  int8
}

func TestKinfoLayout(t *testing.T) {
	var k kinfoProc
	for name, is := range map[string][2]uintptr{
		"ki_pid": {kinfoPid, unsafe.Offsetof(k.Pid)}, "ki_ppid": {kinfoPpid, unsafe.Offsetof(k.Ppid)},
		"ki_start": {kinfoStart, unsafe.Offsetof(k.Start)}, "ki_stat": {kinfoStat, unsafe.Offsetof(k.Stat)},
	} {
		if is[0] != is[1] {
			t.Errorf("%s is at %d, not %d", name, is[1], is[0])
		}
	}
}

func TestParseKinfo(t *testing.T) {
	data := make([]byte, kinfoSize)
	binary.LittleEndian.PutUint32(data, kinfoSize)
	binary.LittleEndian.PutUint32(data[kinfoPid:], 77)
	binary.LittleEndian.PutUint32(data[kinfoPpid:], 5)
	binary.LittleEndian.PutUint64(data[kinfoStart:], 1700000000)
	binary.LittleEndian.PutUint64(data[kinfoStart+8:], 42)
	data[kinfoStat] = 3
	got, err := parseKinfo(77, data)
	if want := (procStat{state: 'R', ppid: 5, start: 1700000000000042}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	data[kinfoStat] = zombie
	if got, _ = parseKinfo(77, data); got.state != 'Z' {
		t.Errorf("a zombie is in state %c", got.state)
	}
	if _, err := parseKinfo(78, data); err == nil {
		t.Error("another process's structure was taken")
	}
	if _, err := parseKinfo(77, data[:1000]); err == nil {
		t.Error("half a structure was taken")
	}
}
