package osthread

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestRun(t *testing.T) {
	t.Parallel()
	want := errors.New("the function's own")
	var tid int
	if err := Run(func() error { tid = unix.Gettid(); return want }); !errors.Is(err, want) {
		t.Error(err)
	}
	if tid == os.Getpid() {
		t.Error("ran on the main thread")
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", tid)); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the thread lives on")
		}
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	err = Run(func() error {
		if err := Join(nil, unix.CLONE_NEWNS); err != nil {
			t.Error(err)
		}
		return Join(null, unix.CLONE_NEWNS)
	})
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EPERM) {
		t.Error(err)
	}
}
