package process

import (
	"fmt"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

const reportEnv = "BERTH_TEST_PROCESS_REPORT"

// report is the program for tests of attributes that no /proc file shows.
func report() {
	var signal int32
	_ = unix.Prctl(unix.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&signal)), 0, 0, 0)
	keep, _ := unix.PrctlRetInt(unix.PR_GET_KEEPCAPS, 0, 0, 0, 0)
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	io, _, _ := unix.RawSyscall(unix.SYS_IOPRIO_GET, ioWhoProcess, 0, 0)
	if io>>ioClassShift == 0 {
		io = 0 // without a class, the level follows from the nice value
	}
	personality, _, _ := unix.RawSyscall(unix.SYS_PERSONALITY, 0xffffffff, 0, 0)
	fmt.Printf("pdeathsig %d keepcaps %d policy %d nice %d ioprio %#x personality %#x\n",
		signal, keep, attr.Policy, attr.Nice, io, personality)
}

func TestWhatOnlyTheProcessKnows(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	io, linux32 := 2<<ioClassShift|6, uint32(8)
	c := child{Attributes: Attributes{Basics: Basics{Args: []string{self}, Cwd: "/", Env: []string{reportEnv + "=1"}}}}
	c.Sys = &unix.SysProcAttr{Pdeathsig: unix.SIGTERM}
	own, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.output(t), fmt.Sprintf("pdeathsig 0 keepcaps 0 policy 0 nice %d ioprio 0x0 personality 0x0\n", own.Nice); got != want {
		t.Errorf("nothing asked: %swant %s", got, want)
	}
	c.Attributes.Scheduler = &Scheduler{Policy: unix.SCHED_BATCH, Nice: 7}
	c.Attributes.IOPriority = &io
	c.Attributes.Personality = &linux32
	if got, want := c.output(t), "pdeathsig 0 keepcaps 0 policy 3 nice 7 ioprio 0x4006 personality 0x8\n"; got != want {
		t.Errorf("all asked: %swant %s", got, want)
	}
}
