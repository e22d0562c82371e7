//go:build linux

package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/pve/host"
)

func TestNoQuorum(t *testing.T) {
	t.Parallel()
	denied := `^unable to open file '/etc/pve/nodes/pve/lxc/100\.conf\.tmp\.\d+' - Permission denied\n$`
	tests := []struct{ args, stderr string }{
		{"list", ""},
		{"status 100", ""},
		{"start 100", `^cluster not ready - no quorum\?\n$`},
		{"create 101 /empty.tar --rootfs /srv/ct", `^cluster not ready - no quorum\?\n$`},
		{"set 100 --memory 64", denied},
		{"destroy 100", denied},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, host.Settings{NoQuorum: true})
			withConfig("")(n)
			o := n.pct(strings.Fields(test.args)...)
			if (o.status == 0) != (test.stderr == "") || !regexp.MustCompile(test.stderr).MatchString(o.stderr) {
				t.Errorf("status %d, stderr %q", o.status, o.stderr)
			}
			if n.read("etc/pve/lxc/100.conf") != plainConfig {
				t.Error("the configuration changed")
			}
		})
	}
}

func TestPmxcfsDown(t *testing.T) {
	t.Parallel()
	n := newNode(t, host.Settings{PmxcfsDown: true})
	o := n.pct("list")
	if o.status != 111 || !strings.Contains(o.stderr, "ipcc_send_rec[1] failed: Connection refused\n") {
		t.Errorf("status %d, stderr %q", o.status, o.stderr)
	}
}

func TestLockHeld(t *testing.T) {
	t.Parallel()
	refusal := "can't lock file '/run/lock/lxc/pve-config-100.lock' - got timeout\n"
	tests := []struct{ name, args, stdout, stderr string }{
		// A worker's two streams are one and go to its front's stdout.
		{"start", "start 100", "trying to acquire lock...\n", refusal},
		{"destroy", "destroy 100", "trying to acquire lock...\n", refusal},
		{"set", "set 100 --memory 64", "", "trying to acquire lock...\n" + refusal},
		{"create", "create 100 /empty.tar --rootfs /srv/ct", "",
			"trying to acquire lock...\nunable to create CT 100 - " + refusal},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, host.Settings{LockTimeout: 50, CreateLockTimeout: 50})
			if test.name != "create" {
				withConfig("")(n)
			}
			lock, err := os.Create(n.path("run/lock/lxc/pve-config-100.lock"))
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Close()
			if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
				t.Fatal(err)
			}
			if o := n.pct(strings.Fields(test.args)...); o.status == 0 || o.stdout != test.stdout || o.stderr != test.stderr {
				t.Errorf("%+v", o)
			}
		})
	}
}

// TestConcurrentCreates checks that of several creates with one ID exactly one succeeds.
func TestConcurrentCreates(t *testing.T) {
	t.Parallel()
	n := newNode(t, host.Settings{})
	var group sync.WaitGroup
	outcomes := make([]outcome, 6)
	for i := range outcomes {
		group.Go(func() { outcomes[i] = n.pct(creation("100")...) })
	}
	group.Wait()
	made := 0
	for _, o := range outcomes {
		switch {
		case o.status == 0:
			made++
		case !strings.Contains(o.stderr, "CT 100 already exists on node 'pve'\n"):
			t.Errorf("status %d, stderr %q", o.status, o.stderr)
		}
	}
	if made != 1 {
		t.Errorf("%d creates succeeded", made)
	}
}

func TestVmlist(t *testing.T) {
	t.Parallel()
	n := newNode(t, host.Settings{})
	type list struct {
		Version int
		IDs     map[string]map[string]any
	}
	read := func() list {
		t.Helper()
		var l list
		if err := json.Unmarshal([]byte(n.read("etc/pve/.vmlist")), &l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	first := read()
	if strings.Contains(n.read("etc/pve/.vmlist"), "ids") {
		t.Error("an empty list has ids")
	}
	n.write("etc/pve/nodes/two/qemu-server/200.conf", "")
	n.must(creation("100")...)
	second := read()
	if second.Version <= first.Version || len(second.IDs) != 2 || second.IDs["100"]["node"] != "pve" ||
		second.IDs["100"]["type"] != "lxc" || second.IDs["200"]["node"] != "two" || second.IDs["200"]["type"] != "qemu" {
		t.Errorf("%+v", second)
	}
	n.must("destroy", "100")
	if last := read(); last.Version <= second.Version || len(last.IDs) != 1 {
		t.Errorf("%+v", last)
	}
}
