//go:build linux && integration

package lifecycle

import (
	"errors"
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
)

// atATime is how many containers the soak has at once.
const atATime = 16

// Many containers side by side, and nothing of them afterwards.
func TestSoak(t *testing.T) {
	before := takeCensus()
	t.Run("all", func(t *testing.T) {
		first := newBox(t, "echo 1 >/out/$NAME; exit 7")
		boxes := make([]*box, *rounds)
		for i := range boxes {
			boxes[i] = lightBox(t, first, fmt.Sprintf("soak-%03d", i))
		}
		var mu sync.Mutex
		names := map[string]string{} // that exist now
		work := make(chan *box)
		var wg sync.WaitGroup
		for range atATime {
			wg.Go(func() {
				for b := range work {
					if err := b.soak(&mu, names); err != nil {
						t.Errorf("%s: %v", b.id, err)
					}
				}
			})
		}
		begin := time.Now()
		for _, b := range boxes {
			work <- b
		}
		close(work)
		wg.Wait()
		t.Logf("%d containers, %d at a time: %.1f/s", *rounds, atATime, float64(*rounds)/time.Since(begin).Seconds())
		if list := first.must("list", "-q"); list != "" {
			t.Errorf("the list afterwards: %q", list)
		}
	})
	before.noLeftovers(t)
}

// lightBox shares its rootfs and state directory with another box.
func lightBox(t *testing.T, b *box, id string) *box {
	t.Helper()
	l := &box{T: t, id: id, root: b.root, bundle: filepath.Join(filepath.Dir(b.bundle), id), out: b.out}
	if err := os.Mkdir(l.bundle, 0o755); err != nil {
		t.Fatal(err)
	}
	s := *b.spec
	process, root := *s.Process, *s.Root
	s.Process, s.Root = &process, &root
	root.Path = b.rootfs()
	process.Env = []string{path, "NAME=" + id}
	l.spec = &s
	l.write()
	return l
}

// soak is one life of a container, with an error for all that is not as it has
// to be.
func (b *box) soak(mu *sync.Mutex, names map[string]string) error {
	call := func(args ...string) error {
		o, err := tryExecute(b.command(args...))
		if err == nil && (o.status != 0 || o.stderr != "") {
			err = fmt.Errorf("%q: status %d: %s", args, o.status, o.stderr)
		}
		return err
	}
	if err := call(b.createArgs()...); err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(filepath.Dir(b.root), b.id+".pid"))
	if err != nil {
		return err
	}
	if b.pid, err = strconv.Atoi(string(data)); err != nil {
		return err
	}
	adopt(b.pid)
	if !isPeer() {
		name := b.enclosureName()
		mu.Lock()
		if other := names[name]; other != "" {
			err = fmt.Errorf("it is called %s, and so is %s", name, other)
		}
		names[name] = b.id
		mu.Unlock()
		defer func() {
			mu.Lock()
			delete(names, name)
			mu.Unlock()
		}()
	}
	if err := errors.Join(err, call("state", b.id), call("start", b.id)); err != nil {
		return err
	}
	if ws := waitFor(b.T, b.pid); ws.ExitStatus() != 7 {
		return fmt.Errorf("it ended with %#x", ws)
	}
	if _, err := os.Stat(filepath.Join(b.out, b.id)); err != nil {
		return err
	}
	return call("delete", b.id)
}

// Berth is killed at random moments of each of its commands; delete --force
// then leaves nothing.
func TestCrash(t *testing.T) {
	berthOnly(t)
	before := takeCensus()
	t.Run("all", func(t *testing.T) {
		if *seed == 0 {
			*seed = time.Now().UnixNano()
		}
		t.Logf("the random numbers are those of -seed %d", *seed)
		random := rand.New(rand.NewPCG(uint64(*seed), 0))
		first := newBox(t, "echo started >/out/$NAME; exec sleep 1000")
		durations := first.measure()
		t.Logf("a create takes %v, a start %v, a delete %v", durations["create"], durations["start"], durations["delete"])
		killed := map[string]int{}
		for i := range *rounds {
			victim := []string{"create", "create", "start", "delete"}[random.IntN(4)]
			after := time.Duration(random.Int64N(int64(durations[victim]) * 5 / 4))
			b := lightBox(t, first, fmt.Sprintf("crash-%03d", i))
			if b.crash(victim, after) {
				killed[victim]++
			}
			if t.Failed() {
				t.Fatalf("round %d: %s killed after %v", i, victim, after)
			}
		}
		t.Logf("killed: %v", killed)
		if list := first.must("list", "-q"); list != "" {
			t.Errorf("the list afterwards: %q", list)
		}
	})
	before.noLeftovers(t)
}

// measure is how long the commands take.
func (b *box) measure() map[string]time.Duration {
	b.Helper()
	took := map[string]time.Duration{}
	lap := func(name string, f func()) {
		begin := time.Now()
		f()
		took[name] = time.Since(begin)
	}
	lap("create", func() { b.create() })
	lap("start", b.start)
	lap("delete", func() { b.must("delete", "--force", b.id) })
	b.wait()
	return took
}

// crash kills one command of a container's life, then removes what is left. It
// says whether the command was killed in time.
func (b *box) crash(victim string, after time.Duration) bool {
	b.Helper()
	pidFile := filepath.Join(filepath.Dir(b.root), b.id+".pid")
	for _, c := range [][]string{b.createArgs(), {"start", b.id}, {"delete", "--force", b.id}} {
		if c[0] != victim {
			if o := b.berth(c...); o.status != 0 {
				b.Errorf("%q: %s", c, o.stderr)
				return false
			}
			continue
		}
		cmd := b.command(c...)
		if err := spawn(cmd); err != nil {
			b.Fatal(err)
		}
		time.Sleep(after)
		_ = cmd.Process.Kill()
		_ = join(cmd)
		break
	}
	ended := make(chan outcome, 1)
	go func() {
		o, err := tryExecute(b.command("delete", "--force", b.id))
		if err != nil {
			o = outcome{status: -1, stderr: err.Error()}
		}
		ended <- o
	}()
	select {
	case o := <-ended:
		if o.status != 0 {
			b.Errorf("delete --force: status %d: %s", o.status, o.stderr)
		}
	case <-time.After(2 * patience):
		b.Errorf("delete --force does not end")
		return true
	}
	if _, err := os.Lstat(filepath.Join(b.root, b.id)); err == nil {
		b.Errorf("its record is left")
	}
	if left := b.remains(); left != "" {
		b.Errorf("left behind:\n%s", left)
	}
	_ = os.Remove(pidFile)
	return true
}

// remains are the processes, cgroups and CTs that bear the container's name.
// Some end a moment after the delete.
func (b *box) remains() string {
	var list []string
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		reap()
		list = list[:0]
		for _, p := range processes() {
			cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
			environ, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.pid))
			if p.pid != os.Getpid() && (strings.Contains(string(cmdline), b.id) || strings.Contains(string(environ), "NAME="+b.id) ||
				strings.HasPrefix(string(cmdline), "berth-stage") || strings.HasPrefix(string(cmdline), "@/warden")) {
				list = append(list, fmt.Sprintf("  process %d %c, child of %d: %q\n", p.pid, p.state, p.parent, cmdline))
			}
		}
		for _, pattern := range []string{"/sys/fs/cgroup/*" + b.id + "*", "/sys/fs/cgroup/berth/*" + b.id + "*", "/sys/fs/cgroup/lxc*/9*", "/etc/pve/lxc/9*"} {
			found, _ := filepath.Glob(pattern)
			for _, f := range found {
				list = append(list, "  "+f+"\n")
			}
		}
		if len(list) == 0 || time.Now().After(deadline) {
			return strings.Join(list, "")
		}
	}
}

// Two commands on one container at once: each does its work or says why not,
// and the container is in one state in the end.
func TestConcurrentCommands(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, forever)
	outcomes := b.atOnce(8, b.createArgs()...)
	if n := succeeded(outcomes); n != 1 {
		t.Errorf("%d of 8 creates succeeded: %+v", n, outcomes)
	}
	b.readPid()
	outcomes = b.atOnce(8, "start", b.id)
	if n := succeeded(outcomes); n != 1 {
		t.Errorf("%d of 8 starts succeeded: %+v", n, outcomes)
	}
	for _, o := range outcomes {
		if o.status != 0 && !strings.Contains(o.stderr, "cannot start an already running container") {
			t.Errorf("start: %q", o.stderr)
		}
	}
	b.awaitFile("started")
	outcomes = b.atOnce(8, "delete", "--force", b.id)
	if n := succeeded(outcomes); n != 8 {
		t.Errorf("%d of 8 forced deletes succeeded: %+v", n, outcomes)
	}
	if ws := b.wait(); ws.Signal() != unix.SIGKILL {
		t.Errorf("it ended with %#x", ws)
	}
}

func (b *box) atOnce(n int, args ...string) []outcome {
	b.Helper()

	outcomes := make([]outcome, n)
	var wg sync.WaitGroup
	for i := range outcomes {
		wg.Go(func() {
			o, err := tryExecute(b.command(args...))
			if err != nil {
				o = outcome{status: -1, stderr: err.Error()}
			}
			outcomes[i] = o
		})
	}
	wg.Wait()
	return outcomes
}

func succeeded(list []outcome) int {
	n := 0
	for _, o := range list {
		if o.status == 0 {
			n++
		}
	}
	return n
}
