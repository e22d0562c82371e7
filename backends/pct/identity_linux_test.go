package pct

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/berth-oci/berth/backends"
)

const (
	markLine    = "#berth-container%3A /run/berth/a\n"
	includeOurs = "lxc.include: /run/berth/a/lxc.conf\n"
	rootOurs    = "rootfs: /srv/a\n"
)

// TestJudge checks whose a CT is, for every combination of signs.
func TestJudge(t *testing.T) {
	t.Parallel()
	c := &backends.Container{ID: "a", Root: "/run/berth", Dir: "/run/berth/@owed/1", Rootfs: "/srv/a"}
	for text, want := range map[string][3]kinship{ // unclaimed, claimed, making
		markLine + includeOurs + rootOurs: {own, own, own},
		includeOurs + rootOurs:            {half, own, own}, // the description was edited
		markLine + rootOurs:               {half, half, own},
		markLine + includeOurs:            {half, half, half},
		markLine:                          {half, half, half},
		includeOurs:                       {half, half, half},
		rootOurs:                          {stranger, stranger, stranger},
		"":                                {stranger, own, own},
		"lock: create\n":                  {stranger, stranger, own},
		"lock: destroyed\n":               {stranger, own, own},
		"lock: backup\n":                  {stranger, stranger, stranger},
		"lock: create\nhostname: x\n":     {stranger, stranger, stranger},

		// Restored from a backup, in place and elsewhere.
		markLine + includeOurs + "rootfs: local:900001/vm-900001-disk-0.raw,size=8G\n": {restored, restored, restored},
		includeOurs + "rootfs: local:8\n":                                              {restored, restored, restored},
		markLine + "rootfs: local:8\n":                                                 {restored, restored, restored},
		"lock: create\nrootfs: local:8\n":                                              {stranger, stranger, stranger},
		// Somebody has added a volume.
		markLine + includeOurs + rootOurs + "mp0: local:8,mp=/data\n":              {burdened, burdened, burdened},
		includeOurs + rootOurs + "mp0: local:8,mp=/data\n":                         {restored, burdened, burdened},
		markLine + includeOurs + rootOurs + "unused3: zfs:subvol\n":                {burdened, burdened, burdened},
		markLine + includeOurs + rootOurs + "\n[pve:pending]\nmp0: a:b,mp=/d\n":    {burdened, burdened, burdened},
		markLine + includeOurs + rootOurs + "\n[before]\nrootfs: volume=local:8\n": {burdened, burdened, burdened},
		markLine + includeOurs + rootOurs + "mp0: /srv/data,mp=/data\n":            {own, own, own},
		markLine + includeOurs + rootOurs + "mp0: mp=/data,volume=/srv/data\n":     {own, own, own},
		markLine + includeOurs + "rootfs: volume=/srv/a,ro=1\n":                    {own, own, own},

		// Not the container's, though it looks like it.
		markLine + includeOurs + "rootfs: /dev/sdb1\n":                 {half, half, half},
		markLine + includeOurs + "rootfs: ro=1\n":                      {restored, restored, restored},
		markLine + includeOurs + rootOurs + "rootfs: /other\n":         {half, half, half},
		markLine + "lxc.include: /run/berth/ab/lxc.conf\n" + rootOurs:  {half, half, half},
		markLine + "lxc.include: /run/berth/a/lxc.confx\n" + rootOurs:  {half, half, half},
		markLine + "[s]\n" + includeOurs + rootOurs:                    {half, half, half},
		"[s]\n" + markLine + includeOurs + rootOurs:                    {stranger, stranger, stranger},
		"#berth-container%3A /run/berth/ab\n" + includeOurs + rootOurs: {half, own, own},
		markLine + "rootfs: /elsewhere\n":                              {half, half, half},
		markLine + "rootfs: /run/berth/a/rootfs\n":                     {half, half, own}, // the stand-in
		markLine + rootOurs + "lxc.include: /etc/x.conf\n":             {half, half, half},
		// Lines that an administrator may add.
		markLine + "lxc.include = /etc/x.conf\nlxc.include = /run/berth/a/lxc.conf\n" + rootOurs: {own, own, own},
		"#mine\r\n" + markLine + "lxc.include: /run/berth/a/lxc.conf\r\nrootfs: /srv/a\r\n":      {own, own, own},
	} {
		for says, want := range want {
			if got := parseCT(text).judge(c, claim(says)); got != want {
				t.Errorf("%q, claim %d: %d, want %d", text, says, got, want)
			}
		}
	}
	if got := (*CT)(nil).judge(c, making); got != stranger {
		t.Errorf("no CT: %v", got)
	}
}

// volumeLine matches a line in which pve-container sees a volume. Unless the value is a path, pct
// destroy frees it.
var volumeLine = regexp.MustCompile(`^(rootfs|mp\d+|unused\d+):\s*(.+?)\s*$`)

// FuzzCTConfig checks for arbitrary configurations that berth never destroys a CT with a volume,
// and that it destroys a CT without the include only if a create has begun it.
func FuzzCTConfig(f *testing.F) {
	for _, text := range []string{
		markLine + includeOurs + rootOurs, markLine + includeOurs + "rootfs: local:8,size=8G\n", "lock: create\n", "[x]\nmp0: a:b\n",
		"lxc.include = /run/berth/a/lxc.conf\nunused0: volume=x:y\n#%zz\nprotection: 1\n", "rootfs:x\x00y\r\n\n[pve:pending]\n",
	} {
		f.Add(text)
	}
	c := &backends.Container{ID: "a", Root: "/run/berth", Dir: "/run/berth/a", Rootfs: "/srv/a"}
	f.Fuzz(func(t *testing.T, text string) {
		ct := parseCT(text)
		freed := false
		for line := range strings.SplitSeq(text, "\n") {
			if m := volumeLine.FindStringSubmatch(line); m != nil && !strings.HasPrefix(m[2], "/") && !strings.Contains(m[2], "=/") {
				freed = true
			}
		}
		for _, says := range []claim{unclaimed, claimed, making} {
			kin := ct.judge(c, says)
			if kin == own && (freed || len(ct.Volumes) > 0) {
				t.Errorf("%q (claim %d): it has a volume", text, says)
			}
			if kin == own && !slices.Contains(ct.Includes, included(c)) && says != making && !ct.bare() {
				t.Errorf("%q (claim %d): it does not include the file", text, says)
			}
		}
		_ = ct.container()
	})
}

// TestGuard checks that pct destroy goes on only if the CT is still the container's when pct waits
// for its lock.
func TestGuard(t *testing.T) {
	t.Parallel()
	const all = markLine + includeOurs + rootOurs
	// Like pct: load the modules, then wait for the lock.
	const script = `sleep 0.1; exec 9>>"$LOCKS/pve-config-900001.lock"; flock 9 || exit 1; cat "$DIR/lxc/900001.conf" >"$DIR/destroyed"; rm "$DIR/lxc/900001.conf"`
	for name, c := range map[string]struct {
		before, while string
		destroyed     bool
		words         string
	}{
		"ours":                     {all, "", true, ""},
		"not ours":                 {markLine + rootOurs, "", false, "left alone"},
		"with a volume":            {all + "mp0: local:8,mp=/x\n", "", false, "mp0: local:8"},
		"locked":                   {all + "lock: backup\n", "", false, "CT is locked (backup)"},
		"protected":                {all + "protection: 1\n", "", false, "protection"},
		"restored over it at once": {all, markLine + includeOurs + "rootfs: local:8\n", false, "left alone"},
		"a volume at once":         {all, all + "mp0: local:8,mp=/x\n", false, "mp0: local:8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl := cluster(t, map[string]string{".vmlist": `{"version": 1,"ids": {"900001": {"node": "n","type": "lxc","version": 1}}}`, "lxc/900001.conf": c.before})
			cl.Locks = cl.Dir + "/locks"
			change := ""
			if c.while != "" {
				if err := os.WriteFile(cl.Dir+"/next", []byte(c.while), 0o644); err != nil {
					t.Fatal(err)
				}
				change = "cp $DIR/next $DIR/lxc/900001.conf; "
			}
			path, _ := fakePct(t, fmt.Sprintf("DIR=%s LOCKS=%s; %s%s", cl.Dir, cl.Locks, change, script))
			e := &Enclosure{settings: Settings{FirstVMID: 900000, LastVMID: 900099, Path: path}, cluster: cl}
			err := e.destroy(t.Context(), &backends.Container{ID: "a", Root: "/run/berth"}, 900001, unclaimed)
			_, statErr := os.Stat(cl.Dir + "/destroyed")
			if destroyed := statErr == nil; destroyed != c.destroyed || (err == nil) != c.destroyed || err != nil && !strings.Contains(err.Error(), c.words) {
				t.Errorf("destroyed: %v, error %v", destroyed, err)
			}
		})
	}
}
