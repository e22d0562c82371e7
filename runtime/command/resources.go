package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/spec"
)

// updateResources returns the resources of --resources, or of the other flags if --resources is not
// set. With --resources the other flags are ignored.
func updateResources(c *cli.Context) (*specs.LinuxResources, error) {
	if c.String("l3-cache-schema") != "" || c.String("mem-bw-schema") != "" {
		return nil, errors.New("--l3-cache-schema and --mem-bw-schema: update does not support Intel RDT")
	}
	if path := c.String("resources"); path != "" {
		return readResources(path)
	}
	for _, name := range []string{"kernel-memory", "kernel-memory-tcp"} {
		if c.String(name) != "" {
			logrus.Warnf("--%s is ignored: the kernel no longer has this limit", name)
		}
	}
	r := &specs.LinuxResources{Memory: &specs.LinuxMemory{}, CPU: &specs.LinuxCPU{}}
	r.CPU.Cpus, r.CPU.Mems = c.String("cpuset-cpus"), c.String("cpuset-mems")
	var weight, pids *int64
	err := errors.Join(
		number(c, "blkio-weight", &weight, decimal), number(c, "pids-limit", &pids, decimal),
		number(c, "cpu-quota", &r.CPU.Quota, decimal), number(c, "cpu-rt-runtime", &r.CPU.RealtimeRuntime, decimal),
		number(c, "cpu-idle", &r.CPU.Idle, decimal),
		number(c, "cpu-period", &r.CPU.Period, natural), number(c, "cpu-burst", &r.CPU.Burst, natural),
		number(c, "cpu-share", &r.CPU.Shares, natural), number(c, "cpu-rt-period", &r.CPU.RealtimePeriod, natural),
		number(c, "memory", &r.Memory.Limit, memorySize), number(c, "memory-swap", &r.Memory.Swap, memorySize),
		number(c, "memory-reservation", &r.Memory.Reservation, memorySize),
	)
	if err != nil {
		return nil, err
	}
	if weight != nil && *weight != 0 {
		if *weight < 0 || *weight > 1<<16-1 {
			return nil, fmt.Errorf("invalid value for blkio-weight: must be from 10 to 1000, not %d", *weight)
		}
		w := uint16(*weight)
		r.BlockIO = &specs.LinuxBlockIO{Weight: &w}
	}
	if pids != nil {
		r.Pids = &specs.LinuxPids{Limit: pids}
	}
	return r, nil
}

func readResources(path string) (*specs.LinuxResources, error) {
	f := os.Stdin
	if path != "-" {
		var err error
		if f, err = os.Open(path); err != nil {
			return nil, fmt.Errorf("--resources: %w", err)
		}
		defer f.Close()
	}
	data, err := io.ReadAll(io.LimitReader(f, spec.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("--resources: %w", err)
	}
	r, problems := spec.ParseResources(data)
	if err := problems.Err(); err != nil {
		return nil, fmt.Errorf("--resources %s: %w", path, err)
	}
	return r, nil
}

// number parses a flag if it is set.
func number[T any](c *cli.Context, name string, to **T, parse func(string) (T, error)) error {
	text := c.String(name)
	if text == "" {
		return nil
	}
	n, err := parse(text)
	if err != nil {
		return fmt.Errorf("invalid value for %s: %w", name, err)
	}
	*to = &n
	return nil
}

func decimal(text string) (int64, error)  { return strconv.ParseInt(text, 10, 64) }
func natural(text string) (uint64, error) { return strconv.ParseUint(text, 10, 64) }

// memorySize reads a number of bytes, with or without a unit (powers of 1024), such as 512m or
// 1.5GiB. -1 means no limit.
func memorySize(text string) (int64, error) {
	if text == "-1" {
		return -1, nil
	}
	lower := strings.ToLower(text)
	digits := strings.TrimRight(lower, "kmgtpib ")
	unit := strings.TrimSpace(lower[len(digits):])
	power := 0
	if unit != "" && unit != "b" {
		power = strings.IndexByte("kmgtp", unit[0]) + 1
		if rest := unit[1:]; power == 0 || rest != "" && rest != "b" && rest != "ib" {
			return 0, fmt.Errorf("must be a size such as 512m, not %q", text)
		}
	}
	factor := int64(1) << (10 * power)
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil && n >= 0 && n <= (1<<63-1)/factor {
		return n * factor, nil
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(n >= 0 && n*float64(factor) < 1<<63) { // it can be NaN
		return 0, fmt.Errorf("must be a size such as 512m, not %q", text)
	}
	return int64(n * float64(factor)), nil
}
