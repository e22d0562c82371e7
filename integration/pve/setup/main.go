//go:build linux

// Command pve-standin-setup makes a test host look like a Proxmox VE node and changes the
// stand-in's settings.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/berth-oci/berth/integration/pve/cluster"
	"github.com/berth-oci/berth/integration/pve/host"
)

const usage = `usage: pve-standin-setup [install [--pct FILE] [--node NAME]]
       pve-standin-setup quorum on|off
       pve-standin-setup pmxcfs up|down
       pve-standin-setup latency off|measured
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pve-standin-setup:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	h, err := host.Open("")
	if err != nil {
		return err
	}
	if len(arguments) == 0 {
		arguments = []string{"install"}
	}
	if arguments[0] == "install" {
		return parseInstall(h, arguments[1:])
	}
	if len(arguments) != 2 {
		return fmt.Errorf("wrong arguments\n%s", usage)
	}
	switch verb := arguments[0] + " " + arguments[1]; verb {
	case "quorum on", "quorum off":
		h.Settings.NoQuorum = verb == "quorum off"
		if err := cluster.Of(h).ShowMembers(); err != nil {
			return err
		}
	case "pmxcfs up", "pmxcfs down":
		h.Settings.PmxcfsDown = verb == "pmxcfs down"
		if err := showCluster(h, !h.Settings.PmxcfsDown); err != nil {
			return err
		}
	case "latency off":
		h.Settings.Latency = host.Latency{}
	case "latency measured":
		h.Settings.Latency = host.Measured()
	default:
		return fmt.Errorf("unknown switch %q\n%s", verb, usage)
	}
	return h.Save(h.Settings)
}

// showCluster hides /etc/pve, as if nothing is mounted there, or brings it back.
func showCluster(h *host.Host, show bool) error {
	shown, hidden := h.Path("/etc/pve"), h.Path("/etc/.pve-standin-down")
	_ = os.Remove(h.Path("/run/pve-standin-pmxcfs-down"))
	_, err := os.Stat(hidden)
	if down := err == nil; down != show {
		return nil
	}
	if show {
		if err := os.Remove(shown); err != nil {
			return err
		}
		return os.Rename(hidden, shown)
	}
	if err := os.Rename(shown, hidden); err != nil {
		return err
	}
	return os.Mkdir(shown, 0o755)
}

func parseInstall(h *host.Host, arguments []string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the stand-in's pct: %w", err)
	}
	flags := flag.NewFlagSet("install", flag.ContinueOnError)
	program := flags.String("pct", filepath.Join(filepath.Dir(self), "pct"), "the stand-in's pct to install")
	node := flags.String("node", "", "the node's name (default: the host's)")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *node != "" {
		h.Node, h.Settings.Node = *node, *node
	}
	if err := cluster.Prepare(h); err != nil {
		return err
	}
	if err := h.Save(h.Settings); err != nil {
		return err
	}
	return install(h, *program)
}
