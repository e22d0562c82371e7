package runtime

import (
	"encoding/json"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/spec"
)

// note remembers the container that the command works on, for Log.
func (r *Runtime) note(c *backends.Container) { r.noted = c }

// Log logs for --debug what was done with which container, how long it took, and why it failed.
func (r *Runtime) Log(operation string, begin time.Time, err error) {
	if !logrus.IsLevelEnabled(logrus.DebugLevel) {
		return
	}
	fields := logrus.Fields{"operation": operation, "duration": time.Since(begin).Round(time.Microsecond).String()}
	if c := r.noted; c != nil {
		fields["container"], fields["backend"] = c.ID, c.Backend
		// Proxmox VE knows the container by its VMID.
		var data struct{ Name string }
		if c.Backend == "pct" && json.Unmarshal(c.Data, &data) == nil && data.Name != "" {
			fields["vmid"] = data.Name
		}
	}
	if err != nil {
		fields["failed"] = spec.Shorten(err.Error())
	}
	logrus.WithFields(fields).Debug("done")
}
