package cgroup

import (
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
	"github.com/sirupsen/logrus"
)

// transientUnits is the directory in which systemd keeps transient units as long as they are loaded
// (systemd.unit(5), "Unit File Load Path").
const transientUnits = "/run/systemd/transient"

// scopePatience limits the time of calls to systemd about a unit that nothing depends on.
const scopePatience = 10 * time.Second

// ForgetScope makes systemd forget the scope of a container that ended without a delete; limits is
// the scope's cgroup. A scope that failed, because of its time limit or lack of memory, stays in
// systemd's list of failed units until it is reset (systemctl(1), reset-failed). A running scope is
// left alone.
func ForgetScope(limits string) {
	unit := path.Base(limits)
	if _, err := os.Lstat(filepath.Join(transientUnits, unit)); err != nil {
		return // the usual case: systemd has unloaded it
	}
	ctx, cancel := context.WithTimeout(context.Background(), scopePatience)
	defer cancel()
	if err := resetFailed(ctx, unit); err != nil {
		logrus.Warnf("the scope %s may remain in systemd's list of failed units: %v ('systemctl reset-failed %s' removes it)", unit, err, unit)
	}
}

func resetFailed(ctx context.Context, unit string) error {
	conn, err := systemd.NewWithContext(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	err = conn.ResetFailedUnitContext(ctx, unit)
	var told dbus.Error
	if errors.As(err, &told) && told.Name == "org.freedesktop.systemd1.NoSuchUnit" {
		return nil
	}
	return err
}
