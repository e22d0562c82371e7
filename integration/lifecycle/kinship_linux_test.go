//go:build linux && integration

package lifecycle

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

// These tests are about CTs that look like berth's, and about berth's CTs that do not.

// volumeStorage is the stand-in's storage for containers.
const volumeStorage = "local-ct"

func confOf(vmid string) string { return "/etc/pve/lxc/" + vmid + ".conf" }

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// backedUp makes an archive of a running CT as vzdump does: its root, and its configuration without
// the lock.
func (b *box) backedUp(vmid string) (archive string) {
	b.Helper()
	dir := filepath.Join(filepath.Dir(b.root), "backup")
	if err := os.MkdirAll(filepath.Join(dir, "etc/vzdump"), 0o755); err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{"etc/vzdump/pct.conf": readFile(b.T, confOf(vmid)), "precious": "data\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	archive = filepath.Join(filepath.Dir(b.root), "vzdump.tar")
	suite.Output(b.T, "tar", "-C", dir, "-cf", archive, ".")
	return archive
}

// theirCT is an administrator's CT with a volume.
type theirCT struct {
	*testing.T
	vmid, conf string
}

// restore restores an archive to a CT on a storage.
func (b *box) restore(vmid, archive string, flags ...string) *theirCT {
	b.Helper()
	suite.Output(b.T, "pct", append([]string{"restore", vmid, archive, "--rootfs", volumeStorage + ":1"}, flags...)...)
	b.Cleanup(func() { b.destroyTheirs(vmid) })
	return &theirCT{b.T, vmid, readFile(b.T, confOf(vmid))}
}

// destroyTheirs removes an administrator's CT.
func (b *box) destroyTheirs(vmid string) {
	suite.Output(b.T, "pct", "destroy", vmid)
	for _, trace := range []string{"/var/lib/lxc/" + vmid, "/run/lxc/lock/var/lib/lxc/." + vmid} {
		_ = os.RemoveAll(trace)
	}
}

// untouched checks that the CT's configuration and volume are unchanged.
func (c *theirCT) untouched(after string) {
	c.Helper()
	if got, err := os.ReadFile(confOf(c.vmid)); err != nil || string(got) != c.conf {
		c.Errorf("%s: the configuration of CT %s is %q (%v), and was %q", after, c.vmid, got, err, c.conf)
	}
	if files, _ := filepath.Glob("/var/lib/vz/images/" + c.vmid + "/*/precious"); len(files) != 1 {
		c.Errorf("%s: the volume of CT %s is gone", after, c.vmid)
	}
}

// warned checks that doctor has a row that warns with this text.
func (b *box) warned(check, looked string) {
	b.Helper()
	for _, row := range b.findings() {
		if row.Check == check && row.Verdict == "warn" && strings.Contains(row.Looked, looked) && row.Advice != "" {
			return
		}
	}
	b.Errorf("doctor does not warn of %s with %q: %+v", check, looked, b.findings())
}

// TestCTRestored restores a backup of a container's CT. The restored CT has the container's notes
// and include, and a volume. It must stay, whatever happens to the container, its record and its
// ID.
func TestCTRestored(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	for name, c := range map[string]struct {
		vmid func(b *box, own string) string
		over bool
	}{
		"with the container's number": {func(_ *box, own string) string { return own }, false},
		"over the container's CT":     {func(_ *box, own string) string { return own }, true},
		"beside it":                   {func(b *box, _ string) string { return candidate(b, 1) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, forever)
			b.create()
			own := b.enclosureName()
			archive := b.backedUp(own)
			vmid := c.vmid(b, own)
			var flags []string
			switch {
			case c.over:
				b.kill()
				awaitStopped(t, own)
				flags = []string{"--force"}
			case vmid == own:
				b.drop()
			}
			theirs := b.restore(vmid, archive, flags...)
			if o := b.berth("delete", "--force", b.id); o.Status != 0 {
				t.Errorf("delete --force: status %d: %s", o.Status, o.Stderr)
			}
			if b.pid > 0 {
				b.wait()
			}
			theirs.untouched("delete --force")
			b.create()
			if got := b.enclosureName(); got == vmid {
				t.Errorf("the container's VMID is %s, which is another's", got)
			}
			theirs.untouched("a create of that id")
			if err := os.WriteFile(filepath.Join(b.root, b.id, "state.json"), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
			if o := b.berth("delete", "--force", b.id); o.Status != 0 {
				t.Errorf("delete --force with a damaged record: status %d: %s", o.Status, o.Stderr)
			}
			b.wait()
			theirs.untouched("delete --force with a damaged record")
		})
	}
}

// TestDoctorLeavesAlone checks that doctor --fix does not touch CTs that only look like berth's,
// and says what they are.
func TestDoctorLeavesAlone(t *testing.T) {
	pctOnly(t)
	before := takeCensus()
	t.Run("all", func(t *testing.T) {
		b := newBox(t, forever)
		b.create()
		archive := b.backedUp(b.enclosureName())
		notes, bare := candidate(b, 3), candidate(b, 4)
		theirs := []*theirCT{b.restore(candidate(b, 1), archive), b.restore("1234", archive)}
		b.drop()
		theirs = append(theirs, b.restore(candidate(b, 0), archive))
		createCT(t, notes, "--description", "berth-container: "+b.root+"/"+b.id)
		if err := os.WriteFile(confOf(bare), []byte("lock: create\n"), 0o640); err != nil {
			t.Fatal(err)
		}
		defer func() {
			suite.Output(t, "pct", "unlock", bare)
			b.destroyTheirs(bare)
		}()
		suite.Output(t, "pct", "list") // now the stand-in sees it
		before := readFile(t, confOf(notes))
		found := b.berth("doctor", "--fix").Stdout
		for _, ct := range theirs {
			ct.untouched("doctor --fix")
			if !strings.Contains(found, "CT "+ct.vmid+" has signs of container "+b.id) {
				t.Errorf("doctor does not name CT %s", ct.vmid)
			}
		}
		if !strings.Contains(found, "CT "+notes+" has only some signs of container "+b.id) || !strings.Contains(found, "CT "+bare+" has nothing in it but 'lock: create'") {
			t.Errorf("doctor: %s", found)
		}
		if readFile(t, confOf(notes)) != before || readFile(t, confOf(bare)) != "lock: create\n" {
			t.Errorf("a CT has changed")
		}
	})
	before.noLeftovers(t)
}

func awaitStopped(t *testing.T, vmid string) {
	t.Helper()
	suite.Eventually(t, "pct list says stopped", func() bool { return listed(t, vmid) == "stopped" })
}

// TestCTNotesEdited checks that delete removes a CT whose notes were edited.
func TestCTNotesEdited(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, forever)
	b.running()
	vmid := b.enclosureName()
	suite.Output(t, "pct", "set", vmid, "--description", "my notes")
	for _, row := range b.findings() {
		if strings.Contains(row.Looked, vmid) {
			t.Errorf("doctor: %+v", row)
		}
	}
	b.drop()
	b.goneWith(vmid)
}

// TestCTWithVolume checks that delete does not destroy a container's CT to which somebody has added
// a volume. berth owes the delete until the volume is gone.
func TestCTWithVolume(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, forever)
	b.running()
	vmid := b.enclosureName()
	b.kill()
	awaitStopped(t, vmid)
	suite.Output(t, "pct", "set", vmid, "--mp0", volumeStorage+":1,mp=/data")
	volumes, _ := filepath.Glob("/var/lib/vz/images/" + vmid + "/*")
	if len(volumes) != 1 {
		t.Fatalf("volumes: %q", volumes)
	}
	b.refused("mp0: "+volumeStorage+":", "delete", "--force", b.id)
	b.found("records", "mp0: "+volumeStorage+":")
	b.warned("CTs", "CT "+vmid+" of container "+b.id)
	// Proxmox VE removes a volume in two steps: the first makes it unused.
	suite.Output(t, "pct", "set", vmid, "--delete", "mp0")
	b.refused("unused0: "+volumeStorage+":", "delete", "--force", b.id)
	if _, err := os.Stat(volumes[0]); err != nil {
		t.Error(err)
	}
	suite.Output(t, "pct", "set", vmid, "--delete", "unused0")
	b.must("delete", "--force", b.id)
	b.goneWith(vmid)
}

// TestOwed checks that a later berth call finishes a delete that failed because a backup held the
// CT. Meanwhile the ID is free.
func TestOwed(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, forever)
	other := b.sibling("other", forever)
	b.running()
	vmid := b.enclosureName()
	suite.Output(t, "pct", "set", vmid, "--lock", "backup")
	b.refused("CT is locked (backup)", "delete", "--force", b.id)
	b.wait()
	if got := b.state().Status; got != "stopped" {
		t.Errorf("the state is %s", got)
	}
	b.found("records", "CT is locked (backup)")
	// The engine creates the container again.
	o := b.berth(b.createArgs()...)
	if o.Status != 0 || !strings.Contains(o.Stderr, "set aside") {
		t.Fatalf("create: status %d: %s", o.Status, o.Stderr)
	}
	b.readPid()
	if got := b.enclosureName(); got == vmid {
		t.Errorf("the VMID is %s again", got)
	}
	b.found("records", "CT is locked (backup)")
	if list := b.must("list", "-q"); list != b.id+"\n" {
		t.Errorf("list: %q", list)
	}
	suite.Output(t, "pct", "unlock", vmid)
	suite.Eventually(t, "CT "+vmid+" is gone", func() bool {
		other.create()
		other.drop()
		return !vmids(t)[vmid]
	})
	if got := b.state().Status; got != "created" {
		t.Errorf("the container that was made anew is %s", got)
	}
	b.drop()
	b.goneWith(vmid)
}

// goneWith checks that nothing is left of the containers with these VMIDs, and no record or owed
// delete in the state directory.
func (b *box) goneWith(vmids ...string) {
	b.Helper()
	left := []string{b.root + "/[^@]*", b.root + "/@owed/*"}
	for _, vmid := range vmids {
		left = append(left, confOf(vmid), "/var/lib/lxc/"+vmid, "/sys/fs/cgroup/lxc/"+vmid, "/sys/fs/cgroup/lxc.monitor/"+vmid)
	}
	gone := suite.Becomes(suite.Patience, func() bool {
		left = slices.DeleteFunc(left, func(pattern string) bool {
			found, err := filepath.Glob(pattern)
			return err == nil && len(found) == 0
		})
		return len(left) == 0
	})
	if !gone {
		b.Errorf("left behind: %q", left)
	}
}

// TestDeleteKilled kills berth in the middle of a delete. The engine may not call delete again.
func TestDeleteKilled(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, forever)
	other := b.sibling("other", "exit 0")
	b.running()
	vmid := b.enclosureName()
	flags := b.pctThat(`[ "$1" != destroy ] || exec sleep 1000; exec "$PCT" "$@"`)
	victim := b.command(append(flags, "delete", "--force", b.id)...)
	if err := suite.Start(victim); err != nil {
		t.Fatal(err)
	}
	b.wait()
	sleeper := 0
	suite.Eventually(t, "pct destroy is called", func() bool {
		for _, p := range suite.Processes() {
			if p.Parent == victim.Process.Pid && p.Comm == "sleep" {
				sleeper = p.Pid
			}
		}
		return sleeper != 0
	})
	_ = victim.Process.Kill()
	_ = suite.Join(victim)
	if err := unix.Kill(sleeper, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	b.found("records", "its delete was interrupted")
	suite.Eventually(t, "CT "+vmid+" is gone", func() bool {
		other.create()
		other.drop()
		return !vmids(t)[vmid]
	})
	b.goneWith(vmid)
}

// drop deletes a container that was only created.
func (b *box) drop() {
	b.Helper()
	b.must("delete", "--force", b.id)
	b.wait()
}

// TestCTSkeleton kills pct create when it has claimed its VMID with a CT that contains only a lock.
// The calling berth survives or is killed as well.
func TestCTSkeleton(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	// The script kills pct when the CT exists, as the OOM killer would.
	const killed = `[ "$1" = create ] || exec "$PCT" "$@"
PVE_STANDIN_PAUSE_AFTER_LOCK=60000 "$PCT" "$@" & while ! [ -e /etc/pve/lxc/$2.conf ]; do sleep 0.01; done; `
	for name, end := range map[string]string{
		"pct alone": `kill -KILL $!; exit 137`,
		"both":      `kill -KILL $PPID $!; exit 137`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, forever)
			vmid := candidate(b, 0)
			o := b.createBy(b.pctThat(killed + end))
			if o.Status == 0 {
				t.Error("the create succeeded")
			}
			if name == "both" {
				if got := readFile(t, confOf(vmid)); got != "lock: create\n" {
					t.Errorf("the CT is %q", got)
				}
			}
			if o := b.berth("delete", "--force", b.id); o.Status != 0 {
				t.Errorf("delete --force: status %d: %s", o.Status, o.Stderr)
			}
			b.goneWith(vmid)
		})
	}
}

// TestUndoFails checks that a create keeps its record and owes a delete if its last step fails and
// undoing it fails as well.
func TestUndoFails(t *testing.T) {
	t.Parallel()
	pctOnly(t)
	b := newBox(t, forever)
	stuck := filepath.Join(filepath.Dir(b.root), "stuck")
	if err := os.WriteFile(stuck, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	flags := b.pctThat(`if [ "$1" = destroy ] && [ -e ` + stuck + ` ]; then echo "CT is locked (snapshot)" >&2; exit 255; fi; exec "$PCT" "$@"`)
	o := b.berth(append(flags, "create", "--bundle", b.bundle, "--pid-file", "/nowhere/pid", b.id)...)
	if o.Status != 1 || !strings.Contains(o.Stderr, "/nowhere/") || !strings.Contains(o.Stderr, "left behind") {
		t.Errorf("create: status %d: %s", o.Status, o.Stderr)
	}
	vmid := b.enclosureName()
	if !vmids(t)[vmid] {
		t.Fatalf("CT %s is gone", vmid)
	}
	b.found("records", "CT is locked (snapshot)")
	if err := os.Remove(stuck); err != nil {
		t.Fatal(err)
	}
	// create and delete start this command in the background.
	suite.Eventually(t, "CT "+vmid+" is gone", func() bool {
		b.must("doctor", "--owed")
		return !vmids(t)[vmid]
	})
	b.goneWith(vmid)
}
