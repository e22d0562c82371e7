package jail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berth-oci/berth/backends"
)

// everything is a config of which each part needs a tool.
var everything = `"hostname":"h","root":{"path":"rootfs","readonly":true},
	"mounts":[{"destination":"/dev","type":"devfs","options":["ruleset=4","rule=path pf unhide"]},
		{"destination":"/data","type":"nullfs","source":"DIR/source","options":["ro"]},
		{"destination":"/tmp","type":"tmpfs","options":["tmpcopyup"]}],
	"linux":{"resources":{"memory":{"limit":1048576},"pids":{"limit":9}}},
	"freebsd":{"jail":{"parent":"pod","interface":"lo1","ip4Addr":["10.0.0.1","10.0.0.2"]}}`

// withNetwork is a config with a network stack of its own.
var withNetwork = `"freebsd":{"jail":{"vnet":"new","vnetInterfaces":["epair0b","epair1b"]}}`

// prepared makes what the two configs name.
func prepared(t *testing.T) *fakeHost {
	t.Helper()
	h := newFake(t)
	h.write("state/ruleset.4", "100 hide\n")
	h.write("state/children.pod", "0 0\n")
	if err := os.Mkdir(filepath.Join(h.dir, "source"), 0o755); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestCreate(t *testing.T) {
	t.Parallel()
	for config, want := range map[*string][]string{
		&everything: {
			"jls -j pod.box jid path",
			"mount -t nullfs -o ro DIR/bundle/rootfs DIR/root/@roots/box",
			"devfs rule -s 4 show",
			"mount -t devfs -o ruleset=4 devfs DIR/root/@roots/box/dev",
			"devfs -m DIR/root/@roots/box/dev rule apply path pf unhide",
			"mount -t nullfs -o ro DIR/source DIR/root/@roots/box/data",
			"mount -t tmpfs tmpfs DIR/root/@roots/box/tmp",
			"ifconfig lo1 inet 10.0.0.1 netmask 255.255.255.255 alias",
			"ifconfig lo1 inet 10.0.0.2 netmask 255.255.255.255 alias",
			"jls -j pod allow.chflags allow.raw_sockets enforce_statfs",
			"jls -j pod children.cur children.max",
			"jail -m name=pod children.max=1",
			"jail -i -c name=pod.box path=DIR/root/@roots/box persist host=new host.hostname=h ip4.addr=10.0.0.1,10.0.0.2 sysvmsg=new sysvsem=new sysvshm=new enforce_statfs=2",
			"rctl -a jail:pod.box:maxproc:deny=9",
			"rctl -a jail:pod.box:memoryuse:deny=1048576",
		},
		&withNetwork: {
			"jls -j box jid path",
			"jail -i -c name=box path=DIR/bundle/rootfs persist vnet=new sysvmsg=new sysvsem=new sysvshm=new enforce_statfs=2",
			"ifconfig epair0b vnet box",
			"ifconfig epair1b vnet box",
		},
	} {
		t.Run(fmt.Sprint(len(want), " commands"), func(t *testing.T) {
			t.Parallel()
			h := prepared(t)
			c, s := h.container(*config)
			before := h.left()
			stdin, stdout, err := h.create(c, s)
			if err != nil {
				t.Fatal(err)
			}
			if got := h.log(); !slices.Equal(trimmed(got), want) {
				t.Errorf("%s\nwant:\n%s", strings.Join(got, ""), strings.Join(want, "\n"))
			}
			if err := h.backend.CheckRecord(c); err != nil || !c.Complete {
				t.Errorf("the record: %v, complete: %t", err, c.Complete)
			}
			if status, err := h.backend.Status(c); status != "created" || err != nil {
				t.Errorf("%s, %v", status, err)
			}
			if err := h.backend.Start(context.Background(), c); err != nil {
				t.Fatal(err)
			}
			if status, err := h.backend.Status(c); status != "running" || err != nil {
				t.Errorf("%s, %v", status, err)
			}
			if _, err := stdin.WriteString("typed\n"); err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(stdout); err != nil || string(text) != "typed\n" {
				t.Errorf("%q, %v", text, err)
			}
			for range 2 { // Delete can be repeated
				if err := h.backend.Delete(context.Background(), c, false); err != nil {
					t.Fatal(err)
				}
			}
			if status, err := h.backend.Status(c); status != "stopped" || err != nil {
				t.Errorf("%s, %v", status, err)
			}
			h.clean(c, before)
		})
	}
}

func trimmed(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.TrimSuffix(l, "\n")
	}
	return out
}

// clean checks that a deleted container has left nothing but its directory, which the caller of the
// backend removes, and targets of mounts in its root.
func (h *fakeHost) clean(c *backends.Container, before []string) {
	h.Helper()
	for _, name := range []string{c.Dir, filepath.Join(c.Root, "@roots"), filepath.Join(c.Root, "@parents"), filepath.Join(c.Rootfs, "data"), filepath.Join(c.Rootfs, "tmp")} {
		if err := os.RemoveAll(name); err != nil {
			h.Error(err)
		}
	}
	if err := os.Mkdir(c.Dir, 0o755); err != nil {
		h.Error(err)
	}
	after := h.left()
	for _, name := range after {
		if !slices.Contains(before, name) {
			h.Errorf("left: %s", name)
		}
	}
	for _, name := range before {
		if !slices.Contains(after, name) {
			h.Errorf("gone: %s", name)
		}
	}
}

var errSave = errors.New("the disk is full")

// TestCreateFails lets each command of a create fail, and each save of the record. Nothing may be
// left then.
func TestCreateFails(t *testing.T) {
	t.Parallel()
	for config, commands := range map[string]int{everything: 15, withNetwork: 4} {
		for n := 1; n <= commands; n++ {
			t.Run(fmt.Sprint(commands, " command ", n), func(t *testing.T) {
				t.Parallel()
				h := prepared(t)
				c, s := h.container(config)
				before := h.left()
				h.write("fail", fmt.Sprint(n))
				_, _, err := h.create(c, s)
				if err == nil {
					t.Fatal("no error")
				}
				if lines := h.log(); len(lines) < n || !strings.Contains(strings.ReplaceAll(err.Error(), h.dir, "DIR"), strings.TrimSpace(lines[n-1])+": ") || !strings.Contains(err.Error(), ": broken") {
					t.Errorf("%v: does not name the command %d of\n%s", err, n, strings.Join(lines, ""))
				}
				if errors.Is(err, backends.ErrLeftBehind) {
					t.Errorf("%v", err)
				}
				if err := os.Remove(filepath.Join(h.dir, "fail")); err != nil {
					t.Fatal(err)
				}
				h.clean(c, before)
			})
		}
	}
	for _, n := range []int{0, 1, 4, 7, 10, 12} {
		t.Run(fmt.Sprint("save ", n), func(t *testing.T) {
			t.Parallel()
			h := prepared(t)
			c, s := h.container(everything)
			before := h.left()
			saves := 0
			err := h.backend.Create(context.Background(), c, s, backends.CreateOptions{}, func() error {
				if saves++; saves > n {
					return errSave
				}
				return nil
			})
			if !errors.Is(err, errSave) || errors.Is(err, backends.ErrLeftBehind) {
				t.Fatal(err)
			}
			h.clean(c, before)
		})
	}
}
