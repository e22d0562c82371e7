//go:build linux

package command

import (
	"fmt"
	"os"
	"strconv"

	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/hook"
	"github.com/berth-oci/berth/integration/pve/host"
	"github.com/berth-oci/berth/integration/pve/lxc"
)

func mustRun(c *call) error {
	if !c.running() {
		return failure.New("CT %s not running", c.id)
	}
	return nil
}

func mustNotRun(c *call) error {
	if c.running() {
		return failure.New("CT %s already running", c.id)
	}
	return nil
}

func checkStart(c *call) error {
	if err := mustNotRun(c); err != nil {
		return err
	}
	return c.cluster.CheckQuorum()
}

// mayRun refuses a CT with a lock, except for the lock of `pct mount`.
func (c *call) mayRun(lock string) error {
	if lock != "" && lock != "mounted" && !c.flag("skiplock") {
		return failure.New("CT is locked (%s)", lock)
	}
	return nil
}

func start(c *call) error {
	host.Spend(c.host.Settings.Latency.Start)
	return c.locked(func() error {
		conf, err := c.load()
		if err != nil {
			return err
		}
		if conf.True("template") {
			return failure.New("you can't start a CT if it's a template")
		}
		if err := c.mayRun(conf.Values["lock"]); err != nil {
			return err
		}
		return c.bringUp()
	})
}

// bringUp starts the container. The caller holds the configuration's lock.
func (c *call) bringUp() error {
	conf, err := c.load()
	if err != nil {
		return err
	}
	if conf.ApplyPending() {
		if err := c.cluster.Write(c.id, conf); err != nil {
			return err
		}
	}
	if err := lxc.WriteConfig(c.host, c.id, &conf.Section); err != nil {
		return err
	}
	mark := c.host.Path(hook.SkipLock(c.id))
	if c.flag("skiplock") {
		if err := os.WriteFile(mark, nil, 0o644); err != nil {
			return fmt.Errorf("failed to open %s for writing: %w", hook.SkipLock(c.id), err)
		}
	}
	debug := conf.True("debug")
	if given, ok := c.values["debug"]; ok {
		debug = given == "1"
	}
	if err := lxc.Start(c.host, c.id, debug, c.stdout); err != nil {
		_ = os.Remove(mark)
		return err
	}
	return nil
}

func stop(c *call) error {
	host.Spend(c.host.Settings.Latency.Stop)
	return c.locked(func() error {
		conf, err := c.load()
		if err != nil {
			return err
		}
		if err := c.mayRun(conf.Values["lock"]); err != nil {
			return err
		}
		return lxc.Stop(c.host, c.id, lxc.StopOptions{Kill: true}, c.stdout)
	})
}

// timeout returns the option timeout in seconds, or otherwise if it is not given.
func (c *call) timeout(otherwise int) int {
	if seconds, err := strconv.Atoi(c.values["timeout"]); err == nil {
		return seconds
	}
	return otherwise
}

func shutdown(c *call) error {
	return c.locked(func() error {
		conf, err := c.load()
		if err != nil {
			return err
		}
		if err := checkLock(conf); err != nil {
			return err
		}
		options := lxc.StopOptions{Timeout: c.timeout(60), KillInTheEnd: c.flag("forceStop")}
		return lxc.Stop(c.host, c.id, options, c.stdout)
	})
}
