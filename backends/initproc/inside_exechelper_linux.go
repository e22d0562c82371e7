package initproc

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/osthread"
	"github.com/berth-oci/berth/backends/process"
)

// helpExec is what the helper does. It does not return.
func helpExec(c link.Conn) {
	answer := forkReply{}
	var err error
	if answer.Pid, answer.Path, err = helpFork(c); err != nil {
		answer.Error = err.Error()
	}
	if err := c.Send(answer); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

func helpFork(c link.Conn) (pid int, path string, err error) {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return -1, "", fmt.Errorf("prctl(PR_SET_DUMPABLE): %w", err)
	}
	var plan helperPlan
	files, err := c.ReceiveFiles(&plan)
	if err != nil {
		return -1, "", fmt.Errorf("receive the plan: %w", err)
	}
	if len(files) < 2 || plan.SharedPage == None || max(plan.PID, plan.Tty, plan.SharedPage, plan.Mount, plan.Root) >= len(files) {
		return -1, "", errors.New("the plan came without all of its descriptors")
	}
	b := &forking{plan: plan.ExecPlan, member: files[0], syncSocket: files[1], stdio: [3]int{0, 1, 2}, sibling: true}
	for at, f := range map[int]**os.File{plan.PID: &b.pid, plan.Tty: &b.console, plan.Mount: &b.mounts, plan.Root: &b.root} {
		if at != None {
			*f = files[at]
		}
	}
	if b.sharedPage, err = process.OpenSharedPage(files[plan.SharedPage]); err != nil {
		return -1, "", fmt.Errorf("map the memory shared with exec: %w", err)
	}
	// Another thread forks, because this one still has to answer.
	err = osthread.Run(func() (err error) {
		pid, path, err = b.fork()
		return err
	})
	return pid, path, err
}
