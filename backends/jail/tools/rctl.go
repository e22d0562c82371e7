package tools

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// AddLimit limits what a jail uses of a resource.
func AddLimit(jail, resource string, amount uint64) Command {
	return Command{"rctl", "-a", "jail:" + jail + ":" + resource + ":deny=" + strconv.FormatUint(amount, 10)}
}

// RemoveLimit removes a jail's limits of a resource, all of its limits with "".
func RemoveLimit(jail, resource string) Command {
	filter := "jail:" + jail
	if resource != "" {
		filter += ":" + resource
	}
	return Command{"rctl", "-r", filter}
}

// ShowLimits prints the limits of a jail, one a line.
func ShowLimits(jail string) Command { return Command{"rctl", "jail:" + jail} }

// ShowUsage prints what a jail uses, one resource a line.
func ShowUsage(jail string) Command { return Command{"rctl", "-u", "jail:" + jail} }

// Usage is what a jail uses of each resource of rctl(8), in its units.
func (b *Box) Usage(ctx context.Context, jail string) (map[string]uint64, error) {
	out, err := b.Run(ctx, ShowUsage(jail))
	if err != nil {
		return nil, err
	}
	usage := map[string]uint64{}
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if usage[name], err = strconv.ParseUint(value, 10, 64); err != nil {
			return nil, fmt.Errorf("rctl -u printed %q where resource=amount was due", line)
		}
	}
	return usage, nil
}
