package backends

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// shell starts a shell command, which is killed when the test ends. wait waits for its end.
func shell(t *testing.T, script string) (p Process, wait func()) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waited := false
	wait = func() {
		if !waited {
			waited = true
			stdin.Close()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		wait()
	})
	if p, err = FindProcess(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	return p, wait
}

// eventually waits until a condition is true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

func TestProcess(t *testing.T) {
	t.Parallel()
	p, wait := shell(t, "read end")
	if !p.Alive() || !p.Exists() || p.Ending() {
		t.Errorf("a process that runs: alive %t, exists %t, ending %t", p.Alive(), p.Exists(), p.Ending())
	}
	if parent, err := Parent(p.Pid); parent != os.Getpid() || err != nil {
		t.Errorf("the parent is %d, %v", parent, err)
	}
	again, err := FindProcess(p.Pid)
	if err != nil || again != p {
		t.Errorf("%+v, %v, want %+v", again, err, p)
	}
	// Another process with the same pid, before or after.
	for _, other := range []Process{{p.Pid, p.StartTime + 1}, {p.Pid, p.StartTime - 1}, {p.Pid, 0}} {
		if other.Alive() || other.Exists() || other.Ending() {
			t.Errorf("%+v: alive %t, exists %t, ending %t", other, other.Alive(), other.Exists(), other.Ending())
		}
	}
	if err := syscall.Kill(p.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process is a zombie", func() bool { return !p.Alive() })
	if !p.Exists() {
		t.Error("a zombie does not exist")
	}
	wait()
	if p.Alive() || p.Exists() || p.Ending() {
		t.Errorf("a process that was waited for: alive %t, exists %t, ending %t", p.Alive(), p.Exists(), p.Ending())
	}
	if _, err := FindProcess(p.Pid); err == nil {
		t.Error("it is found")
	}
}

func TestNoSuchProcess(t *testing.T) {
	t.Parallel()
	for _, p := range []Process{{}, {Pid: -1}, {Pid: -1, StartTime: 1}, {Pid: 1 << 30, StartTime: 1}} {
		if p.Alive() || p.Exists() || p.Ending() {
			t.Errorf("%+v: alive %t, exists %t, ending %t", p, p.Alive(), p.Exists(), p.Ending())
		}
		if err := p.Signal(0); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("%+v: Signal: %v", p, err)
		}
		if _, stopped := Stopped(p.Pid); stopped {
			t.Errorf("%+v is stopped", p)
		}
	}
	if _, err := Parent(1 << 30); err == nil {
		t.Error("it has a parent")
	}
}

func TestStopped(t *testing.T) {
	t.Parallel()
	p, _ := shell(t, "read end")
	if got, stopped := Stopped(p.Pid); stopped || got != p {
		t.Errorf("%+v, %t", got, stopped)
	}
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process is stopped", func() bool { _, stopped := Stopped(p.Pid); return stopped })
	if !p.Alive() {
		t.Error("a stopped process does not live")
	}
	if err := p.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process runs", func() bool { _, stopped := Stopped(p.Pid); return !stopped })
}

func TestSignal(t *testing.T) {
	t.Parallel()
	p, wait := shell(t, "read end")
	for _, other := range []Process{{p.Pid, p.StartTime + 1}, {p.Pid, 0}} {
		if err := other.Signal(syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("%+v: %v", other, err)
		}
	}
	if err := p.Signal(0); err != nil || !p.Alive() {
		t.Errorf("signal 0: %v", err)
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process has ended", func() bool { return !p.Alive() })
	if err := p.Signal(syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("a zombie: %v", err)
	}
	wait()
	if err := p.Signal(syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("afterwards: %v", err)
	}
}

func TestPlausible(t *testing.T) {
	t.Parallel()
	for p, want := range map[Process]bool{
		{}: true, {Pid: 2, StartTime: 1}: true, {Pid: 2}: true,
		{Pid: 1, StartTime: 1}: false, {Pid: 1}: false, {Pid: -1}: false, {Pid: -5, StartTime: 1}: false, {StartTime: 1}: false,
	} {
		if got := p.Plausible(); got != want {
			t.Errorf("%+v: %t", p, got)
		}
	}
}
