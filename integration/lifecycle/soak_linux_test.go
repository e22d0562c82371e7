//go:build linux && integration

package lifecycle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

// atATime is how many containers the soak has at once.
const atATime = 16

// TestSoak runs many containers side by side and checks that nothing of them is left.
func TestSoak(t *testing.T) {
	before := takeCensus()
	t.Run("all", func(t *testing.T) {
		first := newBox(t, "echo 1 >/out/$NAME; exit 7")
		boxes := make([]*box, *rounds)
		for i := range boxes {
			boxes[i] = lightBox(t, first, fmt.Sprintf("soak-%03d", i))
		}
		var mu sync.Mutex
		names := map[string]string{} // the container of each enclosure name in use
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

// lightBox makes a box that shares its rootfs and state directory with another box.
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

// soak runs one container through its life. It returns an error if anything differs from what is
// expected.
func (b *box) soak(mu *sync.Mutex, names map[string]string) error {
	call := func(args ...string) error {
		o, err := suite.Run(b.command(args...))
		if err == nil && (o.Status != 0 || o.Stderr != "") {
			err = fmt.Errorf("%q: status %d: %s", args, o.Status, o.Stderr)
		}
		return err
	}
	if err := call(b.createArgs()...); err != nil {
		return err
	}
	err := b.adopt()
	if err != nil {
		return err
	}
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
	if ws := suite.WaitFor(b.T, b.pid); ws.ExitStatus() != 7 {
		return fmt.Errorf("it ended with %#x", ws)
	}
	if _, err := os.Stat(filepath.Join(b.out, b.id)); err != nil {
		return err
	}
	return call("delete", b.id)
}

// TestConcurrentCommands runs the same command on one container several times at once. Each call
// does its work or says why not, and the container ends up in one state.
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
		if o.Status != 0 && !strings.Contains(o.Stderr, "cannot start an already running container") {
			t.Errorf("start: %q", o.Stderr)
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

func (b *box) atOnce(n int, args ...string) []suite.Outcome {
	b.Helper()

	outcomes := make([]suite.Outcome, n)
	var wg sync.WaitGroup
	for i := range outcomes {
		wg.Go(func() {
			o, err := suite.Run(b.command(args...))
			if err != nil {
				o = suite.Outcome{Status: -1, Stderr: err.Error()}
			}
			outcomes[i] = o
		})
	}
	wg.Wait()
	return outcomes
}

func succeeded(list []suite.Outcome) int {
	n := 0
	for _, o := range list {
		if o.Status == 0 {
			n++
		}
	}
	return n
}
