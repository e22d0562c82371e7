//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ends is how many creates at the beginning and at the end are compared.
const ends = 10

// density keeps many idle containers alive at once and prints what they cost.
func density(runtimes []string, bundle string, count int) error {
	fmt.Printf("\n%d idle containers alive at once; creates and list in ms, memory in KiB per container\n", count)
	fmt.Printf("%-12s%12s%12s%9s%10s%12s\n", "", "first "+strconv.Itoa(ends), "last "+strconv.Itoa(ends), "list", "their Pss", "the host's")
	for _, r := range runtimes {
		d, err := crowd(r, bundle, count)
		if err != nil {
			return err
		}
		fmt.Printf("%-12s%12.1f%12.1f%9.1f%10d%12d\n", filepath.Base(r), milliseconds(d.first), milliseconds(d.last), milliseconds(d.list), d.pss, d.host)
	}
	return nil
}

// crowded is the cost of many containers alive at once.
type crowded struct {
	first, last, list time.Duration
	pss, host         int64
}

func crowd(runtime, bundle string, count int) (d crowded, err error) {
	before, err := measureMemory()
	if err != nil {
		return d, err
	}
	var creates []time.Duration
	for i := range count {
		id := fmt.Sprintf("bench-dense-%d", i)
		begin := time.Now()
		if err := call(runtime, "create", "--bundle", bundle, "--pid-file", filepath.Join(bundle, id+".pid"), id); err != nil {
			return d, err
		}
		creates = append(creates, time.Since(begin))
		defer func() { err = errors.Join(err, discard(runtime, bundle, id, id+".pid")) }()
		if err := call(runtime, "start", id); err != nil {
			return d, err
		}
	}
	n := min(ends, count)
	d.first, d.last = median(creates[:n:n]), median(creates[count-n:])
	var lists []time.Duration
	for range ends {
		begin := time.Now()
		if err := call(runtime, "list"); err != nil {
			return d, err
		}
		lists = append(lists, time.Since(begin))
	}
	d.list = median(lists)
	after, err := measureMemory()
	d.pss, d.host = (after.pss-before.pss)/int64(count), (before.available-after.available)/int64(count)
	return d, err
}

// memory is in KiB. pss is the proportional set size of all processes. available is what the
// machine has available. It also covers the kernel's own use, which pss does not.
type memory struct{ pss, available int64 }

func measureMemory() (m memory, err error) {
	files, err := filepath.Glob("/proc/[0-9]*/smaps_rollup")
	if err != nil {
		return m, err
	}
	for _, f := range files {
		// The process may have ended. Kernel threads have no Pss.
		data, _ := os.ReadFile(f)
		m.pss += field(data, "Pss:")
	}
	data, err := os.ReadFile("/proc/meminfo")
	m.available = field(data, "MemAvailable:")
	return m, err
}

// field returns the number after a word at the start of a line.
func field(data []byte, word string) int64 {
	for line := range bytes.Lines(data) {
		if rest, ok := strings.CutPrefix(string(line), word); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n
		}
	}
	return 0
}
