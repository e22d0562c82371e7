//go:build linux && integration

package lifecycle

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

var kills = flag.Int("kills", 80, "kills of the crash test (by hand: 1000)")

// killsAtATime is how many containers the crash test has at once.
const killsAtATime = 8

// kill says which command is killed, which of its processes, and when.
type kill struct {
	victim, what string
	after        time.Duration
}

func (k kill) String() string {
	return fmt.Sprintf("%s of %s killed after %v", k.what, k.victim, k.after)
}

// draw returns random kills: of berth alone, of berth with all that it has started, or only of what
// it has started, as the OOM killer may choose.
func draw(n int, durations map[string]time.Duration) (list []kill) {
	random := rand.New(rand.NewPCG(uint64(*seed), 0))
	for range n {
		k := kill{victim: []string{"create", "create", "create", "start", "exec", "update", "delete", "delete"}[random.IntN(8)]}
		k.what = []string{"berth", "all", "the rest"}[random.IntN(3)]
		k.after = time.Duration(random.Int64N(int64(durations[k.victim]) * 5 / 4))
		list = append(list, k)
	}
	return list
}

// TestCrash kills berth or the programs that it calls at random moments of each command. delete
// --force must leave nothing afterwards.
func TestCrash(t *testing.T) {
	berthOnly(t)
	before := takeCensus()
	t.Run("all", func(t *testing.T) {
		if *seed == 0 {
			*seed = time.Now().UnixNano()
		}
		t.Logf("the random numbers are those of -seed %d", *seed)
		first := newBox(t, "echo started >/out/$NAME; exec sleep 1000")
		durations := first.measure()
		t.Logf("the commands take %v", durations)
		plan := draw(*kills, durations)
		boxes := make([]*box, len(plan))
		for i := range plan {
			boxes[i] = lightBox(t, first, fmt.Sprintf("crash-%04d", i))
		}
		var mu sync.Mutex
		killed := map[string]int{}
		work := make(chan int)
		var wg sync.WaitGroup
		for range killsAtATime {
			wg.Go(func() {
				for i := range work {
					inTime, err := boxes[i].crash(plan[i])
					mu.Lock()
					if inTime {
						killed[plan[i].what+" of "+plan[i].victim]++
					}
					mu.Unlock()
					if err != nil {
						t.Errorf("kill %d: %v: %v", i, plan[i], err)
					}
				}
			})
		}
		for i := range plan {
			if t.Failed() {
				break
			}
			work <- i
		}
		close(work)
		wg.Wait()
		t.Logf("killed in time: %v", killed)
		if list := first.must("list", "-q"); list != "" {
			t.Errorf("the list afterwards: %q", list)
		}
		first.goneWith() // waits until no delete is owed
	})
	before.noLeftovers(t)
}

// words returns the arguments of a command of a container's life.
func (b *box) words(command string) []string {
	switch command {
	case "create":
		return b.createArgs()
	case "exec":
		return []string{"exec", b.id, "sleep", "0.1"}
	case "update":
		return []string{"update", "--memory", "128M", b.id}
	case "delete":
		return []string{"delete", "--force", b.id}
	}
	return []string{command, b.id}
}

// measure returns how long each command takes. update may fail on a host without controllers.
func (b *box) measure() map[string]time.Duration {
	b.Helper()
	took := map[string]time.Duration{}
	for _, command := range []string{"create", "start", "exec", "update", "delete"} {
		begin := time.Now()
		o := b.berth(b.words(command)...)
		took[command] = time.Since(begin)
		if o.Status != 0 && command != "update" {
			b.Fatalf("%s: status %d: %s", command, o.Status, o.Stderr)
		}
	}
	return took
}

// crash kills one command of a container's life and then removes what is left. inTime is true if
// the command was killed before it ended.
func (b *box) crash(k kill) (inTime bool, err error) {
	for _, command := range []string{"create", "start"} {
		if command == k.victim {
			break
		}
		if o, err := suite.Run(b.command(b.words(command)...)); err != nil || o.Status != 0 {
			return false, fmt.Errorf("%s: %w, status %d: %s", command, err, o.Status, o.Stderr)
		}
		if k.victim == "start" {
			break
		}
	}
	cmd := b.command(b.words(k.victim)...)
	if err := suite.Start(cmd); err != nil {
		return false, err
	}
	ended := make(chan struct{})
	go func() { _ = suite.Join(cmd); close(ended) }()
	select {
	case <-ended:
	case <-time.After(k.after):
		inTime = true
		killTree(cmd.Process.Pid, k.what)
		select {
		case <-ended:
		case <-time.After(4 * suite.Patience):
			return inTime, errors.New("it does not end")
		}
	}
	return inTime, b.clearAfter()
}

// killTree kills a process, its descendants, or both.
func killTree(pid int, what string) {
	if what == "berth" {
		_ = unix.Kill(pid, unix.SIGKILL)
		return
	}
	below := map[int]bool{pid: true}
	all := suite.Processes()
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if below[p.Parent] && !below[p.Pid] {
				below[p.Pid], grown = true, true
			}
		}
	}
	for p := range below {
		if p != pid || what == "all" {
			_ = unix.Kill(p, unix.SIGKILL)
		}
	}
}

// clearAfter deletes a container after a crash. It fails if anything is left.
func (b *box) clearAfter() error {
	vmid := ""
	if data, err := os.ReadFile(filepath.Join(b.root, b.id, "state.json")); err == nil {
		_, rest, _ := strings.Cut(string(data), `"name":"`)
		vmid, _, _ = strings.Cut(rest, `"`)
	}
	type result struct {
		o   suite.Outcome
		err error
	}
	done := make(chan result, 1)
	go func() {
		o, err := suite.Run(b.command("delete", "--force", b.id))
		done <- result{o, err}
	}()
	select {
	case r := <-done:
		if r.err != nil || r.o.Status != 0 {
			return fmt.Errorf("delete --force: %w, status %d: %s", r.err, r.o.Status, r.o.Stderr)
		}
	case <-time.After(4 * suite.Patience):
		return errors.New("delete --force does not end")
	}
	_ = os.Remove(b.pidFile())
	if left := b.remains(vmid); left != "" {
		return fmt.Errorf("left behind (VMID %s):\n%s", cmp.Or(vmid, "unknown"), left)
	}
	return nil
}

// remains returns the container's processes, cgroups and CTs. Some end a moment after the delete.
func (b *box) remains(vmid string) string {
	patterns := []string{b.root + "/" + b.id, "/sys/fs/cgroup/*" + b.id + "*", "/sys/fs/cgroup/berth/*" + b.id + "*", "/sys/fs/cgroup/berth/*/*" + b.id + "*"}
	if _, err := strconv.Atoi(vmid); err == nil {
		patterns = append(patterns, "/sys/fs/cgroup/lxc*/"+vmid, confOf(vmid), "/var/lib/lxc/"+vmid)
	}
	var list []string
	suite.Becomes(suite.Patience, func() bool {
		suite.Reap()
		list = list[:0]
		for _, p := range suite.Processes() {
			cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.Pid))
			environ, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.Pid))
			if p.Pid != os.Getpid() && (strings.Contains(string(cmdline), b.id) || strings.Contains(string(environ), "NAME="+b.id)) {
				list = append(list, fmt.Sprintf("  process %d %c, child of %d: %q\n", p.Pid, p.State, p.Parent, cmdline))
			}
		}
		for _, pattern := range patterns {
			found, _ := filepath.Glob(pattern)
			for _, f := range found {
				list = append(list, "  "+f+"\n")
			}
		}
		return len(list) == 0
	})
	return strings.Join(list, "")
}
