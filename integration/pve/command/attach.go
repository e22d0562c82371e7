//go:build linux

package command

import (
	"os"
	"os/exec"
	"syscall"

	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/host"
)

// attach execs lxc-attach, which exits with the command's status.
func (c *call) attach(command []string) error {
	host.Spend(c.host.Settings.Latency.Query)
	if _, err := c.load(); err != nil {
		return err
	}
	if !c.running() {
		return failure.New("container '%s' not running!", c.id)
	}
	words := append([]string{"lxc-attach", "-n", c.id}, c.lxcPath()...)
	if c.values["keep-env"] == "0" {
		words = append(words, "--clear-env")
	} else {
		words = append(words, "--keep-env")
	}
	if command != nil {
		if len(command) == 0 {
			return failure.New("missing command at /usr/share/perl5/PVE/CLI/pct.pm line 237.")
		}
		words = append(append(words, "--"), command...)
	}
	return become(words)
}

func (c *call) lxcPath() []string {
	if c.host.Rooted() {
		return []string{"-P", c.host.LXCPath()}
	}
	return nil
}

func become(words []string) error {
	program, err := exec.LookPath(words[0])
	if err != nil {
		return failure.Missing("exec failed: %v", err)
	}
	return failure.New("exec %s failed: %v", program, syscall.Exec(program, words, os.Environ()))
}

func execute(c *call) error {
	if c.extra == nil {
		c.extra = []string{}
	}
	return c.attach(c.extra)
}

func enter(c *call) error { return c.attach(nil) }

// console execs the program that the configuration's cmode selects.
func console(c *call) error {
	conf, err := c.load()
	if err != nil {
		return err
	}
	var words []string
	switch conf.Or("cmode", "tty") {
	case "console":
		words = []string{"lxc-console", "-n", c.id, "-t", "0"}
	case "shell":
		return become(append([]string{"lxc-attach", "--clear-env", "-n", c.id}, c.lxcPath()...))
	default:
		words = []string{"lxc-console", "-n", c.id}
	}
	if escape, ok := c.values["escape"]; ok {
		words = append(words, "-e", escape)
	} else {
		words = append(words, "-e", "^a")
	}
	return become(append(words, c.lxcPath()...))
}
