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
)

// pairs is how often each command is called, with berth and without in turn.
const pairs = 50

// What berth may add, in wall time and peak memory.
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

// usage is the cost of one call: what it took, and the peak memory of the
// largest process of it.
type usage struct {
	wall   time.Duration
	memory int64
}

// TestCost measures pairs of calls in one run. It says something on a quiet
// machine only, and so runs with -cost alone.
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
	t.Logf("%-8s %10s %10s %10s %10s   (medians of %d pairs)", "", "crun ms", "berth ms", "adds ms", "adds MiB", pairs)
	for _, l := range limits {
		c := took[l.command]
		added, memory := difference(c)
		t.Logf("%-8s %10.2f %10.2f %10.2f %10.1f", l.command, ms(middle(c[0])), ms(middle(c[1])), ms(added), float64(memory)/1024)
		if added > l.most {
			t.Errorf("%s takes %v longer with berth; at most %v are allowed", l.command, added, l.most)
		}
		if memory > mostMemory {
			t.Errorf("%s takes %d KiB more memory with berth; at most %d are allowed", l.command, memory, mostMemory)
		}
	}
}

// measure calls a runtime without anything of this program's in between.
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

// difference is the median of what berth adds, pair by pair.
func difference(c *[2][]usage) (time.Duration, int64) {
	var walls []time.Duration
	var memory []int64
	for i := range c[0] {
		walls = append(walls, c[1][i].wall-c[0][i].wall)
		memory = append(memory, c[1][i].memory-c[0][i].memory)
	}
	slices.Sort(walls)
	slices.Sort(memory)
	return walls[len(walls)/2], memory[len(memory)/2]
}
