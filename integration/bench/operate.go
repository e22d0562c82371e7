//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// operations are what engines do with a running container, in this order.
var operations = []struct {
	name string
	args func(id string) []string
}{
	{"exec", func(id string) []string { return []string{"exec", id, "/bin/true"} }},
	{"ps", func(id string) []string { return []string{"ps", id} }},
	{"pause", func(id string) []string { return []string{"pause", id} }},
	{"resume", func(id string) []string { return []string{"resume", id} }},
	{"update", func(id string) []string { return []string{"update", "--pids-limit", "100", id} }},
}

// operate prints the median of each operation in milliseconds. On a host without the pids
// controller update changes a limit that every cgroup has.
func operate(runtimes []string, bundle string, rounds int) (err error) {
	todo := slices.Clone(operations)
	if data, _ := os.ReadFile("/sys/fs/cgroup/cgroup.controllers"); !strings.Contains(string(data), "pids") {
		file := filepath.Join(bundle, "resources.json")
		if err := os.WriteFile(file, []byte(`{"unified": {"cgroup.max.descendants": "100"}}`), 0o600); err != nil {
			return err
		}
		todo[len(todo)-1].args = func(id string) []string { return []string{"update", "--resources", file, id} }
	}
	for _, r := range runtimes {
		if err := call(r, "run", "--detach", "--bundle", bundle, "--pid-file", filepath.Join(bundle, filepath.Base(r)+".pid"), runningID(r)); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, discard(r, bundle, runningID(r), filepath.Base(r)+".pid")) }()
	}
	times := map[string][]time.Duration{}
	for round := range rounds + 1 {
		for _, r := range runtimes {
			for _, o := range todo {
				begin := time.Now()
				if err := call(r, o.args(runningID(r))...); err != nil {
					return err
				}
				if round > 0 { // the first is a warm-up
					times[r+o.name] = append(times[r+o.name], time.Since(begin))
				}
			}
		}
	}
	fmt.Printf("\nOperations on a container that runs, median of %d in turn, ms\n%-12s", rounds, "")
	for _, o := range todo {
		fmt.Printf("%9s", o.name)
	}
	for _, r := range runtimes {
		fmt.Printf("\n%-12s", filepath.Base(r))
		for _, o := range todo {
			fmt.Printf("%9.1f", milliseconds(median(times[r+o.name])))
		}
	}
	fmt.Println()
	return nil
}

func runningID(runtime string) string { return "bench-" + filepath.Base(runtime) }

// discard deletes a container in any state and waits for its process.
func discard(runtime, bundle, id, pidFile string) error {
	err := call(runtime, "delete", "--force", id)
	if err == nil {
		err = reap(filepath.Join(bundle, pidFile))
	}
	return err
}
