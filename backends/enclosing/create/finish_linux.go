package create

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/initproc/link"
)

// finish records the container as created and lets the init process outlive berth.
func (cr *creation) finish(context.Context) error {
	j := cr.job
	if err := linkProcess(j); err != nil {
		return err
	}
	j.Complete = true
	if err := j.Save(); err != nil {
		return err
	}
	if cr.opts.PidfdSocket != "" {
		if err := link.SendPidfd(cr.opts.PidfdSocket, cr.initProc.Pidfd); err != nil {
			return err
		}
	}
	if err := cr.initProc.Free(); err != nil {
		return err
	}
	_ = os.RemoveAll(filepath.Join(j.StubInitDir(), enclosure.StubInitSocket))
	return nil
}

// linkProcess makes the link enclosure.Job.ProcessLink, unless the pid namespace is the container's
// own.
func linkProcess(j *enclosure.Job) error {
	if j.OwnPIDs() {
		return nil
	}
	if err := os.Symlink(fmt.Sprintf("/proc/%d", j.Process.Pid), j.ProcessLink()); err != nil {
		return fmt.Errorf("the container's process: %w", err)
	}
	return nil
}
