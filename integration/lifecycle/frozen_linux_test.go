//go:build linux && integration

package lifecycle

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

// TestFrozenOutside freezes a container with LXC's own tool and checks berth's commands on it.
func TestFrozenOutside(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, forever)
	b.running()
	b.lxc("freeze")
	b.await("paused")
	if o := b.berth("exec", b.id, "true"); o.Status != 255 {
		t.Errorf("exec in it: status %d, stderr %q", o.Status, o.Stderr)
	}
	b.refused("paused", "delete", b.id)
	b.lxc("unfreeze")
	b.await("running")
	b.must("exec", b.id, "true")

	b.lxc("freeze")
	b.await("paused")
	b.must("kill", b.id, "KILL")
	if ws := b.wait(); ws.Signal() != unix.SIGKILL {
		t.Errorf("it ended with %#x", ws)
	}
	b.await("stopped")
	b.must("delete", b.id)
}

// TestFrozenOutsideDeleted freezes a container with LXC's tool and deletes it at once.
func TestFrozenOutsideDeleted(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, forever)
	b.create()
	b.start()
	b.lxc("freeze")
	b.must("delete", "--force", b.id)
	if ws := b.wait(); ws.Signal() != unix.SIGKILL {
		t.Errorf("it ended with %#x", ws)
	}
}

// TestFrozenOutsideResumed freezes a container with LXC's tool and resumes it with berth.
func TestFrozenOutsideResumed(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, forever)
	b.create()
	b.start()
	b.lxc("freeze")
	b.await("paused")
	b.must("resume", b.id)
	b.await("running")
	b.must("exec", b.id, "true")
	b.must("delete", "--force", b.id)
	b.wait()
}

// lxc calls an LXC program for the container.
func (b *box) lxc(what string) {
	b.Helper()
	args := []string{"-n", b.enclosureName()}
	if *backend == "lxc" {
		args = append(args, "--rcfile", filepath.Join(b.root, b.id, "lxc.conf"))
	}
	suite.Output(b.T, "lxc-"+what, args...)
}
