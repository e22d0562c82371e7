//go:build linux && testhost

package crun

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/berth-oci/berth/integration/executable"
)

// pairs is how often each command is called, alternately with and without berth.
const pairs = 50

// These are the most wall time and peak memory that berth may add.
var (
	limits = []struct {
		command string
		most    time.Duration
	}{
		{"create", 6 * time.Millisecond}, {"start", 4 * time.Millisecond}, {"state", 4 * time.Millisecond},
		{"kill", 4 * time.Millisecond}, {"delete", 4 * time.Millisecond},
	}
	mostMemory = int64(16 << 10) // KiB
)

// usage is the cost of one call: its wall time, and the peak memory in KiB of its largest process.
// The peak is ru_maxrss of getrusage(2). It survives an exec and includes children, so it is the
// largest of berth's own peak, the other runtime's, and the peak of this program, which starts the
// call. It is never less than berth's.
type usage struct {
	wall   time.Duration
	memory int64
}

// TestCost measures pairs of calls in one run. Its suite.Outcome is meaningful only on a quiet machine, so
// it runs only with -cost. No call may have a peak of more than 16 MiB. If berth waits for the
// other runtime, it adds at most this much to the other's peak. It adds less if it execs the other
// runtime.
func TestCost(t *testing.T) {
	if !*cost {
		t.Skip("without -cost")
	}
	dir := newBundle(t, "sleep 1000")
	other := newBundle(t, "sleep 1000")
	sides := [2]*caller{alone(t, "crun", filepath.Join(newRoot(t), "@crun")), throughBerth(t, "crun", newRoot(t))}
	sides[0].dir, sides[1].dir = dir, other
	took := map[string]*[2][]usage{}
	for _, l := range limits {
		took[l.command] = &[2][]usage{}
	}
	for i := range pairs {
		id := fmt.Sprintf("c%d", i)
		for _, l := range limits {
			args := []string{l.command, id}
			switch l.command {
			case "kill":
				args = append(args, "KILL")
			case "delete":
				sides[0].stopped(id)
				sides[1].stopped(id)
			}
			for turn := range 2 {
				side := (i + turn) % 2
				took[l.command][side] = append(took[l.command][side], sides[side].measure(args...))
			}
		}
	}
	fmt.Printf("\nBerth in front of crun, medians of %d pairs of calls\n%-8s%10s%10s%10s%10s%12s\n",
		pairs, "", "crun ms", "berth ms", "adds ms", "at most", "peak MiB")
	for _, l := range limits {
		c := took[l.command]
		added, memory := added(c)
		fmt.Printf("%-8s%10.2f%10.2f%10.2f%10.0f%12.1f\n", l.command, ms(middle(c[0])), ms(middle(c[1])), ms(added), ms(l.most), float64(memory)/1024)
		if added > l.most {
			t.Errorf("%s takes %v longer with berth; at most %v are allowed", l.command, added, l.most)
		}
		if memory > mostMemory {
			t.Errorf("%s takes up to %d KiB of memory for berth; at most %d are allowed", l.command, memory, mostMemory)
		}
	}
}

// measure calls a runtime directly, without goroutines or pipes of this program.
func (c *caller) measure(args ...string) usage {
	c.Helper()
	path, err := exec.LookPath(c.argv[0])
	if err != nil {
		c.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		c.Fatal(err)
	}
	defer null.Close()
	begin := time.Now()
	p, err := os.StartProcess(path, append(slices.Clone(c.argv), args...), &os.ProcAttr{Dir: c.dir, Files: []*os.File{null, null, os.Stderr}})
	if err != nil {
		c.Fatal(err)
	}
	state, err := p.Wait()
	took := time.Since(begin)
	if err != nil || !state.Success() {
		c.Fatalf("%s: %v, %v", args, state, err)
	}
	return usage{took, state.SysUsage().(*syscall.Rusage).Maxrss}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func middle(list []usage) time.Duration {
	var walls []time.Duration
	for _, u := range list {
		walls = append(walls, u.wall)
	}
	slices.Sort(walls)
	return walls[len(walls)/2]
}

// added returns the median of the time that berth adds in each pair, and the largest peak memory
// with berth.
func added(c *[2][]usage) (wall time.Duration, memory int64) {
	var walls []time.Duration
	for i := range c[0] {
		walls = append(walls, c[1][i].wall-c[0][i].wall)
		memory = max(memory, c[1][i].memory)
	}
	slices.Sort(walls)
	return walls[len(walls)/2], memory
}

// TestMemoryBeside measures berth's own peak memory while it waits for the other runtime to create
// a container. A script in the other runtime's place reads it.
func TestMemoryBeside(t *testing.T) {
	dir := newBundle(t, "true")
	probe, peak := filepath.Join(dir, "crun"), filepath.Join(dir, "peak")
	script := "#!/bin/sh\ngrep VmHWM /proc/$PPID/status >" + peak + "\nexit 1\n"
	if err := executable.Write(probe, []byte(script)); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(config, []byte("[crun]\nruntime = \""+probe+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := throughBerth(t, "crun", newRoot(t), "--config", config)
	b.dir = dir
	if r := b.run("create", "x"); r.Status != 1 {
		t.Fatalf("create: %+v", r)
	}
	data, err := os.ReadFile(peak)
	if err != nil {
		t.Fatal(err)
	}
	var kib int64
	if _, err := fmt.Sscanf(string(data), "VmHWM: %d kB", &kib); err != nil {
		t.Fatalf("%v: %q", err, data)
	}
	t.Logf("berth's peak: %.1f MiB", float64(kib)/1024)
	if kib > mostMemory {
		t.Errorf("berth takes %d KiB of memory; at most %d are allowed", kib, mostMemory)
	}
}
