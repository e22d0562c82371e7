package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-oci/berth/integration/freebsd/host"
)

// deniable lists the resources that a rule of rctl(8) can deny.
var deniable = strings.Fields("datasize stacksize coredumpsize memoryuse memorylocked maxproc openfiles vmemoryuse pseudoterminals swapuse nthr " +
	"msgqqueued msgqsize nmsgq nsem nsemop nshm shmsize pcpu")

func rctl(h *host.Host, args []string) (string, error) {
	if h.NoRacct {
		return "", errors.New("RACCT/RCTL present, but disabled; enable using kern.racct.enable=1 tunable")
	}
	switch {
	case len(args) == 1:
		return strings.Join(matching(h, args[0]), ""), nil
	case len(args) == 2 && args[0] == "-a":
		return "", addRule(h, args[1])
	case len(args) == 2 && args[0] == "-r":
		n := len(h.Limits)
		h.Limits = slices.DeleteFunc(h.Limits, func(l string) bool { return matches(l, args[1]) })
		if len(h.Limits) == n {
			return "", fmt.Errorf("failed to remove rule '%s': No such process", args[1])
		}
		return "", nil
	case len(args) == 2 && args[0] == "-u":
		j := h.Jails[strings.TrimPrefix(args[1], "jail:")]
		if j == nil {
			return "", fmt.Errorf("failed to show resource consumption for '%s': No such process", args[1])
		}
		return fmt.Sprintf("cputime=3\ndatasize=4096\nstacksize=0\ncoredumpsize=0\nmemoryuse=1048576\nmemorylocked=0\nmaxproc=%d\n"+
			"openfiles=4\nvmemoryuse=2097152\npseudoterminals=0\nswapuse=8192\nnthr=1\nwallclock=5\npcpu=0\nreadbps=0\n", len(inside(j))), nil
	}
	return "", errors.New("usage: rctl [ -h ] [-a rule | -l filter | -r filter | -u filter | filter]")
}

func addRule(h *host.Host, rule string) error {
	parts := strings.Split(rule, ":")
	if len(parts) != 4 || parts[0] != "jail" {
		return fmt.Errorf("malformed rule '%s'", rule)
	}
	action, amount, _ := strings.Cut(parts[3], "=")
	if _, err := strconv.ParseUint(amount, 10, 63); err != nil {
		return fmt.Errorf("malformed rule '%s': invalid numeric value '%s'", rule, amount)
	}
	if action != "deny" || !slices.Contains(deniable, parts[2]) {
		return fmt.Errorf("failed to add rule '%s': Operation not supported", rule)
	}
	h.Limits = append(h.Limits, rule)
	return nil
}

func matches(rule, filter string) bool { return rule == filter || strings.HasPrefix(rule, filter+":") }

func matching(h *host.Host, filter string) []string {
	var list []string
	for _, l := range h.Limits {
		if matches(l, filter) {
			list = append(list, l+"\n")
		}
	}
	return list
}
