package tools

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/executable"
)

func TestCommandLines(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]Command{
		"jail -i -c name=x persist":                                 CreateJail([]string{"name=x", "persist"}),
		"jail -m name=p children.max=3":                             SetJail("p", "children.max=3"),
		"jail -R p.x":                                               RemoveJail("p.x"),
		"jls -j x jid path":                                         ListJail("x", "jid", "path"),
		"mount -t tmpfs -o ro,size=1m tmpfs /d":                     Mount("tmpfs", []string{"ro", "size=1m"}, "tmpfs", "/d"),
		"mount -t nullfs /s /d":                                     Mount("nullfs", nil, "/s", "/d"),
		"umount -f /d":                                              Unmount("/d"),
		"devfs -m /d rule apply path null unhide":                   ApplyRule("/d", "path", "null", "unhide"),
		"devfs rule -s 4 show":                                      ShowRules("4"),
		"ifconfig epair0b vnet x":                                   GiveInterface("epair0b", "x"),
		"ifconfig epair0b -vnet x":                                  TakeInterface("epair0b", "x"),
		"ifconfig lo1 inet 10.0.0.1 netmask 255.255.255.255 alias":  AddAlias("lo1", netip.MustParseAddr("10.0.0.1")),
		"ifconfig lo1 inet 10.0.0.1 netmask 255.255.255.255 -alias": RemoveAlias("lo1", netip.MustParseAddr("10.0.0.1")),
		"ifconfig lo1 inet6 fd00::1 prefixlen 128 alias":            AddAlias("lo1", netip.MustParseAddr("fd00::1")),
		"ifconfig lo1 inet6 fd00::1 prefixlen 128 -alias":           RemoveAlias("lo1", netip.MustParseAddr("fd00::1")),
		"rctl -a jail:x:memoryuse:deny=5":                           AddLimit("x", "memoryuse", 5),
		"rctl -r jail:x:pcpu":                                       RemoveLimit("x", "pcpu"),
		"rctl -r jail:x":                                            RemoveLimit("x", ""),
		"rctl jail:x":                                               ShowLimits("x"),
		"rctl -u jail:x":                                            ShowUsage("x"),
		"ps -x -o pid= -J 7":                                        ListProcesses(7),
	} {
		if got := strings.Join(c, " "); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// box returns a Box with one tool, a shell script.
func box(t *testing.T, name, script string) *Box {
	t.Helper()
	dir := t.TempDir()
	if err := executable.Write(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n")); err != nil {
		t.Fatal(err)
	}
	return &Box{Dirs: []string{"/nonexistent", dir}}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	show := func(values ...any) string { return fmt.Sprintln(values...) }
	for name, c := range map[string]struct {
		tool, script string
		ask          func(b *Box) string
		want         string
	}{
		"jid": {"jail", "echo 12", func(b *Box) string { return show(b.Create(ctx, nil)) }, "12 <nil>"},
		"no jid": {"jail", "echo hello", func(b *Box) string { return show(b.Create(ctx, nil)) },
			`0 jail -i printed "hello\n" instead of a jid`},
		"refused": {"jail", "echo 'jail: no' >&2; exit 1", func(b *Box) string { return show(b.Create(ctx, []string{"name=x"})) },
			"0 jail -i -c name=x: jail: no"},
		"a jail":     {"jls", "echo '3 /a path'", func(b *Box) string { return show(b.Jail(ctx, "x")) }, "3 /a path <nil>"},
		"no jail":    {"jls", `echo 'jls: jail "x" not found' >&2; exit 1`, func(b *Box) string { return show(b.Jail(ctx, "x")) }, "0  x: no such jail"},
		"numbers":    {"jls", "echo '5 true false'", func(b *Box) string { return show(b.Numbers(ctx, "x", "a", "b", "c")) }, "[5 1 0] <nil>"},
		"no numbers": {"jls", "echo '5'", func(b *Box) string { return show(b.Numbers(ctx, "x", "a", "b")) }, `[] jls printed "5\n" instead of a, b`},
		"pids":       {"ps", "echo '  7'; echo 12; echo '   3'", func(b *Box) string { return show(b.Pids(ctx, 1)) }, "[3 7 12] <nil>"},
		"no pids":    {"ps", "exit 1", func(b *Box) string { return show(b.Pids(ctx, 1)) }, "[] <nil>"},
		"ps fails":   {"ps", "echo no >&2; exit 1", func(b *Box) string { return show(b.Pids(ctx, 1)) }, "[] ps -x -o pid= -J 1: no"},
		"usage":      {"rctl", "echo maxproc=3; echo cputime=0", func(b *Box) string { return show(b.Usage(ctx, "x")) }, "map[cputime:0 maxproc:3] <nil>"},
		"missing":    {"ls", "", func(b *Box) string { _, err := b.Usage(ctx, "x"); return show(errors.Is(err, ErrMissing)) }, "true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := strings.TrimSpace(c.ask(box(t, c.tool, c.script))); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
