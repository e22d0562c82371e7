//go:build linux && integration

package lifecycle

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/executable"
	"github.com/berth-oci/berth/integration/suite"
)

// These tests break the host under a container. They do not run beside others because they count
// what is left and change switches of Proxmox VE that apply to the whole host.

// record returns parts of the container's record.
func (b *box) record() (r struct {
	Data struct {
		Name     string
		Monitor  struct{ Pid int }
		StubInit struct{ Pid int } `json:"warden"`
	}
}) {
	b.Helper()
	data, err := os.ReadFile(filepath.Join(b.root, b.id, "state.json"))
	if err != nil {
		b.Fatal(err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		b.Fatal(err)
	}
	return r
}

// nothing deletes the container with --force, runs doctor --fix, and checks that nothing is left.
func (b *box) nothing(before census) {
	b.Helper()
	if o := b.berth("delete", "--force", b.id); o.Status != 0 {
		b.Errorf("delete --force: status %d: %s", o.Status, o.Stderr)
	}
	if b.pid > 0 {
		b.wait()
	}
	b.healthy()
	before.noLeftovers(b.T)
}

// healthy runs doctor --fix and checks that doctor finds nothing left behind afterwards.
func (b *box) healthy() {
	b.Helper()
	fixed := b.berth("doctor", "--fix")
	for _, row := range b.findings() {
		if row.Verdict == "fail" && row.Check != "cgroup v2" {
			b.Errorf("after doctor --fix: %+v; it said:\n%s", row, fixed.Stdout)
		}
	}
}

type finding struct{ Check, Verdict, Looked, Advice string }

func (b *box) findings() []finding {
	b.Helper()
	var rows []finding
	o := b.berth("doctor", "--json")
	if err := json.Unmarshal([]byte(o.Stdout), &rows); err != nil {
		b.Fatalf("doctor: status %d, %v: %s%s", o.Status, err, o.Stdout, o.Stderr)
	}
	return rows
}

// found checks that doctor has a failed row with this check and text.
func (b *box) found(check, looked string) {
	b.Helper()
	for _, row := range b.findings() {
		if row.Check == check && row.Verdict == "fail" && strings.Contains(row.Looked, looked) && row.Advice != "" {
			return
		}
	}
	b.Errorf("doctor finds no %s with %q: %+v", check, looked, b.findings())
}

func TestMonitorKilled(t *testing.T) {
	before := takeCensus()
	b := newBox(t, forever)
	b.running()
	monitor := b.record().Data.Monitor.Pid
	if err := unix.Kill(monitor, unix.SIGKILL); err != nil {
		t.Fatalf("kill lxc-start (process %d): %v", monitor, err)
	}
	b.nothing(before)
}

func TestStubInitKilled(t *testing.T) {
	before := takeCensus()
	b := newBox(t, forever)
	b.running()
	if err := unix.Kill(b.record().Data.StubInit.Pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	b.nothing(before)
}

// TestRecordLost removes the container's directory from the state directory.
func TestRecordLost(t *testing.T) {
	before := takeCensus()
	b := newBox(t, forever)
	b.running()
	name := b.record().Data.Name
	if err := os.RemoveAll(filepath.Join(b.root, b.id)); err != nil {
		t.Fatal(err)
	}
	if *backend == "pct" {
		b.found("CTs", "CT "+name)
	} else {
		b.found("LXC containers", name)
	}
	b.healthy()
	b.wait()
	before.noLeftovers(t)
}

// TestFullDisk fills the file system of the state directory before a create and before a delete.
func TestFullDisk(t *testing.T) {
	before := takeCensus()
	b := newBox(t, forever)
	if err := os.Mkdir(b.root, 0o711); err != nil {
		t.Fatal(err)
	}
	// The size must be large enough for records, which take whole pages.
	if err := unix.Mount("tmpfs", b.root, "tmpfs", 0, "size=2m,mode=711"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = b.berth("delete", "--force", b.id)
		_ = unix.Unmount(b.root, unix.MNT_DETACH) // already done if all went well
	})
	fill := filepath.Join(b.root, "@fill")
	b.fill(fill)
	o := b.berth(b.createArgs()...)
	if o.Status != 1 || !strings.Contains(o.Stderr, "no space left on device") {
		t.Errorf("create on a full disk: status %d: %s", o.Status, o.Stderr)
	}
	b.found("state directory", "0 kB")
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Join(b.root, b.id)); len(left) > 0 {
		t.Errorf("left of the create: %v", left)
	}
	b.running()
	b.fill(fill)
	if o := b.berth("delete", "--force", b.id); o.Status != 0 {
		t.Errorf("delete on a full disk: status %d: %s", o.Status, o.Stderr)
	}
	b.wait()
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	if err := unix.Unmount(b.root, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	before.noLeftovers(t)
}

// fill writes to a file until no room is left.
func (b *box) fill(path string) {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

// pctThat makes a configuration in which pct is a shell script. In the script $PCT is the real pct
// and $SETUP sets the stand-in's switches. It returns the flags that select the configuration.
func (b *box) pctThat(script string, settings ...string) (flags []string) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	dir := filepath.Dir(b.bundle)
	wrapper, config := filepath.Join(dir, "pct"), filepath.Join(dir, "berth.toml")
	text := fmt.Sprintf("#!/bin/sh\nPCT=/usr/sbin/pct\nSETUP=%s\n%s\n", filepath.Join(filepath.Dir(self), "setup"), script)
	if err := executable.Write(wrapper, []byte(text)); err != nil {
		b.Fatal(err)
	}
	text = fmt.Sprintf("[pct]\npath = %q\n%s\n", wrapper, strings.Join(settings, "\n"))
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	return []string{"--config", config}
}

func (b *box) switchHost(words ...string) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	suite.Output(b.T, filepath.Join(filepath.Dir(self), "setup"), words...)
}

// createBy runs create with global flags.
func (b *box) createBy(flags []string) suite.Outcome {
	b.Helper()
	return b.berth(append(flags, b.createArgs()...)...)
}

// TestQuorumLostInCreate makes /etc/pve read-only during a create, after the CT was made and before
// it is started.
func TestQuorumLostInCreate(t *testing.T) {
	pctOnly(t)
	before := takeCensus()
	b := newBox(t, forever)
	flags := b.pctThat(`"$PCT" "$@"; status=$?; [ "$1" != create ] || "$SETUP" quorum off; exit $status`)
	defer b.switchHost("quorum", "on")
	o := b.createBy(flags)
	if o.Status != 1 || !strings.Contains(o.Stderr, "no quorum") || !strings.Contains(o.Stderr, "pvecm status") {
		t.Errorf("create: status %d: %s", o.Status, o.Stderr)
	}
	// The CT cannot be destroyed now, so its record must stay.
	if !strings.Contains(o.Stderr, "left behind") {
		t.Errorf("create says nothing of what it has left: %s", o.Stderr)
	}
	b.found("Proxmox VE cluster", "no quorum")
	b.switchHost("quorum", "on")
	b.nothing(before)
}

func TestQuorumLostBeforeDelete(t *testing.T) {
	pctOnly(t)
	before := takeCensus()
	b := newBox(t, forever)
	b.running()
	b.switchHost("quorum", "off")
	defer b.switchHost("quorum", "on")
	o := b.berth("delete", "--force", b.id)
	if o.Status != 1 || !strings.Contains(o.Stderr, "pvecm status") {
		t.Errorf("delete: status %d: %s", o.Status, o.Stderr)
	}
	if got := b.state().Status; got != "stopped" {
		t.Errorf("the state after a delete that failed is %s", got)
	}
	b.switchHost("quorum", "on")
	b.nothing(before)
}

// TestQuorumLostInDelete makes /etc/pve read-only during a delete, when the process has ended and
// the CT still exists.
func TestQuorumLostInDelete(t *testing.T) {
	pctOnly(t)
	before := takeCensus()
	b := newBox(t, forever)
	b.running()
	flags := b.pctThat(`[ "$1" != destroy ] || "$SETUP" quorum off; exec "$PCT" "$@"`)
	defer b.switchHost("quorum", "on")
	o := b.berth(append(flags, "delete", "--force", b.id)...)
	if o.Status != 1 || !strings.Contains(o.Stderr, "pvecm status") {
		t.Errorf("delete: status %d: %s", o.Status, o.Stderr)
	}
	if got := b.state().Status; got != "stopped" {
		t.Errorf("the state after a delete that failed is %s", got)
	}
	b.switchHost("quorum", "on")
	b.nothing(before)
}

// TestClusterDownBeforeDelete ends pmxcfs while a container runs.
func TestClusterDownBeforeDelete(t *testing.T) {
	pctOnly(t)
	before := takeCensus()
	b := newBox(t, forever)
	b.running()
	b.switchHost("pmxcfs", "down")
	o := b.berth("delete", "--force", b.id)
	b.switchHost("pmxcfs", "up")
	if o.Status == 0 {
		t.Errorf("delete without the cluster file system succeeded")
	}
	b.nothing(before)
}

// TestHangingPct checks that berth ends a pct that hangs, and that the create fails.
func TestHangingPct(t *testing.T) {
	pctOnly(t)
	for _, verb := range []string{"create", "start"} {
		t.Run(verb, func(t *testing.T) {
			before := takeCensus()
			b := newBox(t, forever)
			flags := b.pctThat(fmt.Sprintf(`[ "$1" != %s ] || exec sleep 1000; exec "$PCT" "$@"`, verb), "timeout = 2")
			begin := time.Now()
			o := b.createBy(flags)
			if o.Status != 1 || !strings.Contains(o.Stderr, "no end after 2s") || !strings.Contains(o.Stderr, "pvedaemon") {
				t.Errorf("create: status %d: %s", o.Status, o.Stderr)
			}
			if took := time.Since(begin); took > time.Minute {
				t.Errorf("it took %v", took)
			}
			b.nothing(before)
		})
	}
}

// TestHangingDestroy checks that berth ends a pct that hangs in a delete. The record stays and the
// next delete finds the CT.
func TestHangingDestroy(t *testing.T) {
	pctOnly(t)
	before := takeCensus()
	b := newBox(t, forever)
	b.running()
	flags := b.pctThat(`[ "$1" != destroy ] || exec sleep 1000; exec "$PCT" "$@"`, "timeout = 2")
	begin := time.Now()
	o := b.berth(append(flags, "delete", "--force", b.id)...)
	if o.Status != 1 || !strings.Contains(o.Stderr, "no end after 2s") || !strings.Contains(o.Stderr, "pvedaemon") {
		t.Errorf("delete: status %d: %s", o.Status, o.Stderr)
	}
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("it took %v", took)
	}
	if got := b.state().Status; got != "stopped" {
		t.Errorf("the state after a delete that failed is %s", got)
	}
	b.nothing(before)
}

// TestDoctorBesideCreates checks that doctor --fix does not take parts of live containers for
// leftovers while containers are created and deleted in its own state directory and in another one.
func TestDoctorBesideCreates(t *testing.T) {
	before := takeCensus()
	a := newBox(t, forever)
	a.running()
	joined := a.sharePIDs()
	end := make(chan struct{})
	var lives sync.WaitGroup
	for i := range 4 {
		var b *box
		if i%2 == 0 {
			b = a.sibling(fmt.Sprint("b", i), forever)
		} else {
			b = newBox(t, forever)
		}
		if i > 1 {
			joined(b.spec)
		}
		b.spec.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/bin/true"}}}
		b.write()
		lives.Go(func() {
			for range 12 {
				for _, args := range [][]string{b.createArgs(), {"start", b.id}, {"exec", b.id, "true"}, {"delete", "--force", b.id}} {
					if o := b.berth(args...); o.Status != 0 {
						t.Errorf("%s: status %d: %s", args[0], o.Status, o.Stderr)
					}
				}
			}
		})
	}
	go func() { lives.Wait(); close(end) }()
	for rounds := 0; ; rounds++ {
		select {
		case <-end:
			if rounds == 0 {
				t.Error("doctor was never called")
			}
			if got := a.state().Status; got != "running" {
				t.Errorf("the container that was there before is %s", got)
			}
			a.nothing(before)
			return
		default:
			if o := a.berth("doctor", "--fix"); regexp.MustCompile(`(?mi)^(not )?fixed `).MatchString(o.Stdout) {
				t.Errorf("doctor --fix: %s%s", o.Stdout, o.Stderr)
			}
		}
	}
}
