package create

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc"
	"github.com/berth-oci/berth/backends/initproc/link"
)

// TestReason checks that the words of a failed create do not depend on whether the init process,
// which has said why, has already ended.
func TestReason(t *testing.T) {
	other := errors.New("join the cgroup")
	said := &link.SaidError{Message: "exec: /d/program: no such file or directory"}
	for name, c := range map[string]struct {
		ended      bool
		cause, err error
		want       string
	}{
		"said":            {false, nil, said, said.Message},
		"said and ended":  {true, nil, said, said.Message},
		"other":           {false, nil, other, "join the cgroup"},
		"other and ended": {true, nil, other, "the container's process ended with status 1 while it was being created: join the cgroup"},
		"given up":        {true, errors.New("told to end"), said, "told to end"},
	} {
		t.Run(name, func(t *testing.T) {
			script := "read line"
			if c.ended {
				script = "exit 1"
			}
			stdin, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			p, err := os.StartProcess("/bin/sh", []string{"sh", "-c", script}, &os.ProcAttr{Files: []*os.File{stdin}})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _, _ = p.Wait() }()
			defer w.Close()
			stdin.Close()
			if c.ended {
				// The process stays a zombie.
				if err := unix.Waitid(unix.P_PID, p.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
					t.Fatal(err)
				}
			}
			cr := &creation{initProc: &initproc.Process{Host: &link.Host{Pid: p.Pid}}}
			if got := cr.reason(c.cause, c.err).Error(); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}
