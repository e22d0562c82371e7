//go:build linux && integration

package lifecycle

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

var (
	churns       = flag.Int("churn", 80, "containers of the churn, with operations in their lives (a soak: 10000)")
	churnAtATime = flag.Int("at-a-time", 8, "how many containers the churn has at once (a soak: 16)")
)

// TestChurn runs many containers with random operations and checks that nothing is left afterwards:
// no process, mount, cgroup, namespace, record or log, no memory and no descriptor.
func TestChurn(t *testing.T) {
	berthOnly(t)
	before := takeCensus()
	t.Run("all", func(t *testing.T) {
		if *seed == 0 {
			*seed = time.Now().UnixNano()
		}
		t.Logf("the random numbers are those of -seed %d", *seed)
		first := newBox(t, forever)
		// What the first containers leave for all later ones is no leak.
		churn(t, first, "warm", lives(2**churnAtATime))
		at := takeFootprint(first.root)
		t.Logf("before: %v", at)
		count := *churns
		if *backend == "pct" {
			count /= 4 // CTs take much longer
		}
		begin := time.Now()
		n := churn(t, first, "churn", lives(count))
		took := time.Since(begin)
		t.Logf("%d lives, %d at a time, in %v: %.1f/s; %v", count, *churnAtATime, took.Round(time.Second), float64(count)/took.Seconds(), n.done)
		after, grown := at.await(first.root)
		t.Logf("after: %v", after)
		for _, g := range grown {
			t.Error(g)
		}
		if list := first.must("list", "-q"); list != "" {
			t.Errorf("the list afterwards: %q", list)
		}
	})
	before.noLeftovers(t)
}

// tally counts operations.
type tally struct {
	sync.Mutex
	done          map[string]int
	total, failed int
}

func (n *tally) count(what string, err error) {
	n.Lock()
	defer n.Unlock()
	n.done[what]++
	n.total++
	if err != nil {
		n.failed++
	}
}

// lives makes churn stop after count containers, or when something has failed.
func lives(count int) func(*testing.T, int, *tally) bool {
	return func(t *testing.T, begun int, _ *tally) bool { return begun < count && !t.Failed() }
}

// churn runs containers while more returns true. It returns how often it did each operation.
func churn(t *testing.T, first *box, prefix string, more func(t *testing.T, begun int, n *tally) bool) *tally {
	t.Helper()
	n := &tally{done: map[string]int{}}
	limits := hasController("pids")
	work := make(chan int)
	var wg sync.WaitGroup
	for range *churnAtATime {
		wg.Go(func() {
			for i := range work {
				c := &churned{box: lightBox(t, first, fmt.Sprintf("%s-%04d", prefix, i)), random: rand.New(rand.NewPCG(uint64(*seed), uint64(i))), limits: limits, tally: n}
				if err := c.live(); err != nil {
					t.Errorf("%s: %v", c.id, err)
				}
				c.tidy()
			}
		})
	}
	for i := 0; more(t, i, n); i++ {
		work <- i
	}
	close(work)
	wg.Wait()
	return n
}

func hasController(name string) bool {
	data, _ := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	return strings.Contains(" "+strings.TrimSpace(string(data))+" ", " "+name+" ")
}

// churned is a container of the churn.
type churned struct {
	*box
	random *rand.Rand
	limits bool // whether the host has the pids controller
	tally  *tally
}

// call runs a command that must end with the given status and write nothing to stderr. It returns
// stdout.
func (c *churned) call(status int, args ...string) (string, error) {
	o, err := suite.Run(c.command(args...))
	if err == nil && (o.Status != status || o.Stderr != "") {
		err = fmt.Errorf("%q: status %d, want %d: %s", args, o.Status, status, o.Stderr)
	}
	c.tally.count(operation(args), err)
	return o.Stdout, err
}

// operation returns the name of a command line in the tally.
func operation(args []string) string {
	if args[1] == "--force" || args[1] == "--all" {
		return args[0] + " " + args[1]
	}
	return args[0]
}

// live runs one container through its life. It returns an error if anything differs from what is
// expected.
func (c *churned) live() error {
	if _, err := c.call(0, c.createArgs()...); err != nil {
		return err
	}
	if err := c.adopt(); err != nil {
		return err
	}
	if err := c.state("created"); err != nil {
		return err
	}
	if _, err := c.call(0, "start", c.id); err != nil {
		return err
	}
	if err := c.state("running"); err != nil {
		return err
	}
	operations := []struct {
		name string
		do   func() error
	}{{"exec", c.exec}, {"pause", c.pause}, {"ps", c.ps}, {"update", c.update}, {"signal", c.signal}}
	for range 1 + c.random.IntN(3) {
		o := operations[c.random.IntN(len(operations))]
		if err := o.do(); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
		if c.pid == 0 {
			return nil
		}
	}
	return c.end()
}

func (c *churned) exec() error {
	status := c.random.IntN(200)
	said, err := c.call(status, "exec", c.id, "sh", "-c", fmt.Sprintf("echo $NAME; exit %d", status))
	if err == nil && said != c.id+"\n" {
		err = fmt.Errorf("it wrote %q", said)
	}
	return err
}

// pause leaves some containers paused, so that they are killed in this state.
func (c *churned) pause() error {
	if _, err := c.call(0, "pause", c.id); err != nil {
		return err
	}
	if err := c.state("paused"); err != nil {
		return err
	}
	if c.random.IntN(4) == 0 {
		return c.end()
	}
	_, err := c.call(0, "resume", c.id)
	return err
}

func (c *churned) state(want string) error {
	said, err := c.call(0, "state", c.id)
	if err == nil && !strings.Contains(said, `"`+want+`"`) {
		err = fmt.Errorf("it is not %s: %s", want, said)
	}
	return err
}

func (c *churned) ps() error {
	said, err := c.call(0, "ps", "--format", "json", c.id)
	if err == nil && !strings.Contains(said, strconv.Itoa(c.pid)) {
		err = fmt.Errorf("process %d is not in %s", c.pid, said)
	}
	return err
}

// update changes a limit of the pids controller, or one that every cgroup has.
func (c *churned) update() error {
	limit := strconv.Itoa(20 + c.random.IntN(100))
	args, file := []string{"update", "--pids-limit", limit, c.id}, "pids.max"
	if !c.limits {
		file = "cgroup.max.descendants"
		resources := c.pidFile() + ".json"
		if err := os.WriteFile(resources, fmt.Appendf(nil, `{"unified": {%q: %q}}`, file, limit), 0o600); err != nil {
			return err
		}
		defer os.Remove(resources)
		args = []string{"update", "--resources", resources, c.id}
	}
	if _, err := c.call(0, args...); err != nil {
		return err
	}
	said, err := c.call(0, "exec", c.id, "cat", "/sys/fs/cgroup/"+file)
	if err == nil && said != limit+"\n" {
		err = fmt.Errorf("%s is %q, want %s", file, said, limit)
	}
	return err
}

// signal sends a signal that PID 1 does not get because it has no handler for it.
func (c *churned) signal() error {
	_, err := c.call(0, "kill", c.id, "SIGUSR1")
	return err
}

// end ends the container in one of the ways that engines use.
func (c *churned) end() error {
	switch c.random.IntN(3) {
	case 0:
		if _, err := c.call(0, "delete", "--force", c.id); err != nil {
			return err
		}
		return c.killed()
	case 1:
		if _, err := c.call(0, "kill", c.id, "KILL"); err != nil {
			return err
		}
	case 2:
		if _, err := c.call(0, "kill", "--all", c.id, "9"); err != nil {
			return err
		}
	}
	if err := c.killed(); err != nil {
		return err
	}
	_, err := c.call(0, "delete", c.id)
	return err
}

func (c *churned) killed() error {
	ws := suite.WaitFor(c.T, c.pid)
	c.pid = 0
	if ws.Signal() != unix.SIGKILL {
		return fmt.Errorf("it ended with %#x", ws)
	}
	return nil
}

// tidy removes the bundle, so that only berth's files can be left over.
func (c *churned) tidy() {
	if err := errors.Join(os.RemoveAll(c.bundle), os.Remove(c.pidFile())); err != nil {
		c.Error(err)
	}
}
