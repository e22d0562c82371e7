//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// steps are the commands of a container's life in order.
var steps = []string{"create", "start", "state", "kill", "delete"}

// lives prints the median of each step in milliseconds under a title.
func lives(title string, runtimes []string, bundle string, rounds int) error {
	times := map[string]map[string][]time.Duration{}
	for _, r := range runtimes {
		times[r] = map[string][]time.Duration{}
	}
	for round := range rounds + 1 {
		for _, r := range runtimes {
			life, err := oneLife(r, bundle, fmt.Sprintf("bench-%d", round))
			if err != nil {
				return err
			}
			if round == 0 {
				continue // warm-up
			}
			for step, d := range life {
				times[r][step] = append(times[r][step], d)
			}
		}
	}
	fmt.Printf("\n%s, median of %d lives in turn, ms\n%-12s", title, rounds, "")
	for _, s := range append(steps, "whole") {
		fmt.Printf("%9s", s)
	}
	fmt.Println()
	for _, r := range runtimes {
		fmt.Printf("%-12s", filepath.Base(r))
		for _, s := range append(steps, "whole") {
			fmt.Printf("%9.1f", milliseconds(median(times[r][s])))
		}
		fmt.Println()
	}
	return nil
}

func oneLife(runtime, bundle, id string) (map[string]time.Duration, error) {
	life := map[string]time.Duration{}
	for _, s := range steps {
		args := map[string][]string{
			"create": {"create", "--bundle", bundle, "--pid-file", filepath.Join(bundle, id+".pid"), id},
			"start":  {"start", id}, "state": {"state", id}, "kill": {"kill", id, "KILL"}, "delete": {"delete", id},
		}[s]
		begin := time.Now()
		if err := call(runtime, args...); err != nil {
			_ = call(runtime, "delete", "--force", id)
			return nil, err
		}
		life[s] = time.Since(begin)
		life["whole"] += life[s]
		if s == "kill" {
			if err := reap(filepath.Join(bundle, id+".pid")); err != nil {
				return nil, err
			}
		}
	}
	return life, nil
}

// reap waits for the container's process, an orphan that is now our child.
func reap(pidFile string) error {
	data, err := os.ReadFile(pidFile)
	if err != nil {
		return err
	}
	var pid int
	if _, err := fmt.Sscan(string(data), &pid); err != nil {
		return err
	}
	_, err = unix.Wait4(pid, nil, 0, nil)
	return err
}

func call(runtime string, args ...string) error {
	cmd := exec.Command(runtime, args...)
	// stderr is a file because the container would keep a pipe open.
	stderr, err := os.CreateTemp("", "berth-bench-")
	if err != nil {
		return err
	}
	defer os.Remove(stderr.Name())
	defer stderr.Close()
	cmd.Stderr = stderr
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(stderr.Name())
		return fmt.Errorf("%s %s: %w: %s", runtime, strings.Join(args, " "), err, bytes.TrimSpace(said))
	}
	return nil
}

// throughput prints whole lives per second, several at a time.
func throughput(runtimes []string, bundle string, parallel, count int) error {
	fmt.Printf("\n%d at a time, %d lives: containers per second\n", parallel, count)
	for _, r := range runtimes {
		var next atomic.Int64
		var wg sync.WaitGroup
		errs := make(chan error, parallel)
		begin := time.Now()
		for range parallel {
			wg.Go(func() {
				for n := next.Add(1); n <= int64(count); n = next.Add(1) {
					if _, err := oneLife(r, bundle, fmt.Sprintf("bench-p%d", n)); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		wg.Wait()
		select {
		case err := <-errs:
			return err
		default:
		}
		fmt.Printf("%-12s%9.1f\n", filepath.Base(r), float64(count)/time.Since(begin).Seconds())
	}
	return nil
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	if len(d) == 0 {
		return 0
	}
	return d[len(d)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
