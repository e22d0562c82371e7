package tools

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ListProcesses prints the pids of all processes in a jail, except those in jails inside it.
func ListProcesses(jid int) Command {
	return Command{"ps", "-x", "-o", "pid=", "-J", strconv.Itoa(jid)}
}

// Pids returns the processes in a jail in ascending order. ps(1) exits with status 1 if there are
// none.
func (b *Box) Pids(ctx context.Context, jid int) ([]int, error) {
	out, err := b.Run(ctx, ListProcesses(jid))
	var failed *Error
	if errors.As(err, &failed) && failed.Status == 1 && failed.Said == "" {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	var pids []int
	for word := range strings.FieldsSeq(out) {
		pid, err := strconv.Atoi(word)
		if err != nil || pid <= 0 {
			return nil, fmt.Errorf("ps printed %q instead of a pid", word)
		}
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	return pids, nil
}
