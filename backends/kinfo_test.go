package backends

import (
	"encoding/binary"
	"testing"
	"unsafe"
)

// kinfoProc is struct kinfo_proc of FreeBSD's sys/user.h with 64-bit pointers,
// as far as it is used, in Go's terms.
type kinfoProc struct {
	structsize, layout                                    int32
	args, paddr, addr, tracep, textvp, fd, vmspace, wchan uint64
	pid, ppid, pgid, tpgid, sid, tsid                     int32
	jobc, spareShort1                                     int16
	tdevFreebsd11                                         uint32
	siglist, sigmask, sigignore, sigcatch                 [4]uint32
	uid, ruid, svuid, rgid, svgid                         uint32
	ngroups, spareShort2                                  int16
	groups                                                [16]uint32
	size                                                  uint64
	rssize, swrss, tsize, dsize, ssize                    int64
	xstat, acflag                                         uint16
	pctcpu, estcpu, slptime, swtime, cow                  uint32
	runtime                                               uint64
	start, childtime                                      [2]int64
	flag, kiflag                                          int64
	traceflag                                             int32
	stat                                                  int8
}

func TestKinfoLayout(t *testing.T) {
	var k kinfoProc
	for name, is := range map[string][2]uintptr{
		"ki_pid": {kinfoPid, unsafe.Offsetof(k.pid)}, "ki_ppid": {kinfoPpid, unsafe.Offsetof(k.ppid)},
		"ki_start": {kinfoStart, unsafe.Offsetof(k.start)}, "ki_stat": {kinfoStat, unsafe.Offsetof(k.stat)},
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
