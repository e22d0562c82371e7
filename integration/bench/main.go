//go:build linux

// Bench measures the life of a container under berth and its peers, in turn on one host in one run,
// and prints the medians side by side. It runs in a test host: make bench.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	runtimes := flag.String("runtimes", "crun,runc,berth-lxc", "comma-separated runtimes, by name or path")
	rounds := flag.Int("n", 50, "rounds of one life each, in turn")
	parallel := flag.Int("parallel", 8, "containers at a time, for the containers per second")
	rootfs := flag.String("rootfs", "/usr/share/berth-test/rootfs", "a root filesystem with busybox")
	dense := flag.Int("dense", 100, "containers alive at once, for the density (0: leave it out)")
	pct := flag.String("pct", "", "berth-pct, to measure its share beside the same pct commands by hand")
	flag.Parse()
	if err := run(strings.Split(*runtimes, ","), *rounds, *parallel, *dense, *rootfs, *pct); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(runtimes []string, rounds, parallel, dense int, rootfs, pct string) error {
	dir, err := os.MkdirTemp("/var/lib/containers", "berth-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bundle, err := makeBundle(filepath.Join(dir, "bundle"), rootfs)
	if err != nil {
		return err
	}
	if err := lives("One container at a time", runtimes, bundle, rounds); err != nil {
		return err
	}
	edit, err := enlarge(dir)
	if err != nil {
		return err
	}
	large, err := makeBundle(filepath.Join(dir, "large"), rootfs, edit)
	if err != nil {
		return err
	}
	if err := lives(fmt.Sprintf("%d mounts and podman's seccomp filter", largeMounts), runtimes, large, rounds); err != nil {
		return err
	}
	operated := runtimes
	if pct != "" {
		operated = append(slices.Clone(runtimes), pct)
	}
	if err := operate(operated, bundle, rounds); err != nil {
		return err
	}
	if err := throughput(runtimes, bundle, parallel, 4*rounds); err != nil {
		return err
	}
	if dense > 0 {
		if err := density(runtimes, bundle, dense); err != nil {
			return err
		}
	}
	if pct == "" {
		return nil
	}
	return share(pct, bundle, max(5, rounds/5))
}
