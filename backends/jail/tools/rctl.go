package tools

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// AddLimit limits a jail's use of a resource.
func AddLimit(jail, resource string, amount uint64) Command {
	return Command{"rctl", "-a", "jail:" + jail + ":" + resource + ":deny=" + strconv.FormatUint(amount, 10)}
}

// RemoveLimit removes a jail's limits on a resource, or all of its limits if resource is "".
func RemoveLimit(jail, resource string) Command {
	filter := "jail:" + jail
	if resource != "" {
		filter += ":" + resource
	}
	return Command{"rctl", "-r", filter}
}

// ShowLimits prints the limits of a jail, one per line.
func ShowLimits(jail string) Command { return Command{"rctl", "jail:" + jail} }

// ShowUsage prints a jail's resource usage, one resource per line.
func ShowUsage(jail string) Command { return Command{"rctl", "-u", "jail:" + jail} }

// Usage returns a jail's usage of each resource of rctl(8), in rctl's units.
func (b *Box) Usage(ctx context.Context, jail string) (map[string]uint64, error) {
	out, err := b.Run(ctx, ShowUsage(jail))
	if err != nil {
		return nil, err
	}
	usage := map[string]uint64{}
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if usage[name], err = strconv.ParseUint(value, 10, 64); err != nil {
			return nil, fmt.Errorf("rctl -u printed %q instead of resource=amount", line)
		}
	}
	return usage, nil
}
