package cgroup

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Enter moves a process into the cgroup.
func (g *Group) Enter(pid int) error {
	if err := g.Write(procsFile, strconv.Itoa(pid)); err != nil {
		return fmt.Errorf("move the container's process into its cgroup: %w", err)
	}
	return nil
}

// Kill kills every process in the cgroup and below it. If the cgroup is removed, there is none.
func (g *Group) Kill() error {
	if err := g.Write("cgroup.kill", "1"); err != nil && !g.gone(err) {
		return fmt.Errorf("kill the processes in cgroup %s: %w", g.path, err)
	}
	return nil
}

// Processes returns the pids of the processes in the cgroup and below it. If the cgroup is removed,
// there are none.
func (g *Group) Processes() ([]int, error) {
	pids, err := g.members()
	if err == nil {
		err = g.children(func(child *Group) error {
			below, err := child.Processes()
			if errors.Is(err, unix.EOPNOTSUPP) {
				return nil // a cgroup above it lists its processes (cgroups(7), "Thread mode")
			}
			pids = append(pids, below...)
			return err
		})
	}
	if g.gone(err) {
		return nil, nil
	}
	return pids, err
}

// members returns the pids of the processes in the cgroup itself.
func (g *Group) members() (pids []int, err error) {
	data, err := g.read(procsFile)
	for line := range strings.Lines(string(data)) {
		pid, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, err
}

// Holds reports whether a process is in the cgroup or below it.
func (g *Group) Holds(pid int) bool {
	path, err := Of(pid)
	return err == nil && Below(path, g.path) && g.Exists()
}
