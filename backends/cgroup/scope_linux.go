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

// transientUnits is where systemd keeps the units that were made by a call, each as
// long as it is loaded (systemd.unit(5), "Unit File Load Path").
const transientUnits = "/run/systemd/transient"

// scopePatience bounds the talk with systemd about a unit on which nothing depends.
const scopePatience = 10 * time.Second

// ForgetScope has systemd forget the scope in whose cgroup limits a container was, and
// which has ended without its delete: one that has failed, of its time limit or for want
// of memory, stays in systemd's list of failed units until somebody resets it
// (systemctl(1), reset-failed). A scope that runs is left as it is.
func ForgetScope(limits string) {
	unit := path.Base(limits)
	if _, err := os.Lstat(filepath.Join(transientUnits, unit)); err != nil {
		return // the usual case: systemd has let go of it
	}
	ctx, cancel := context.WithTimeout(context.Background(), scopePatience)
	defer cancel()
	if err := resetFailed(ctx, unit); err != nil {
		logrus.Warnf("the scope %s may stay in systemd's list of failed units: %v (systemctl reset-failed %s)", unit, err, unit)
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
