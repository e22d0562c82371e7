package pct

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/berth-oci/berth/integration/executable"
)

var update = flag.Bool("update", false, "write docs/troubleshooting.md anew")

// TestErrorCauses checks the causes of messages that were recorded from pve-container 6.1.
func TestErrorCauses(t *testing.T) {
	t.Parallel()
	for stderr, want := range map[string]error{
		"CT 100 already exists on node 'pve'":                        ErrExists,
		"VM 100 already exists on node 'pve'":                        ErrExists,
		"Configuration file 'nodes/pve/lxc/100.conf' does not exist": ErrNotFound,
		"unable to destroy CT 100 - container is running":            ErrRunning,
		"CT 100 already running":                                     ErrRunning,
		"CT 100 not running":                                         ErrNotRunning,
		"VM 100 not running":                                         ErrNotRunning,
		"container '100' not running!":                               ErrNotRunning,
		"CT is locked (backup)":                                      ErrLocked,
		"can't remove CT 100 - protection mode enabled":              ErrProtected,
		"trying to acquire lock...\ncan't lock file '/run/lock/lxc/pve-config-100.lock' - got timeout": ErrBusy,
		"cluster not ready - no quorum?": ErrNoQuorum,
		"unable to open file '/etc/pve/nodes/pve/lxc/100.conf.tmp.7' - Permission denied":          ErrNoQuorum,
		"ipcc_send_rec[1] failed: Connection refused\nipcc_send_rec[2] failed: Connection refused": ErrDown,
		"bridge 'nobr0' does not exist": ErrBridge,
		"storage 'x' does not exist":    ErrStorage,
		"400 Parameter verification failed.\nstorage: storage 'local' does not support container directories": ErrStorage,
		"unable to create CT 100 - can't find file '/x.tar.gz'":                                               ErrTemplate,
		"unable to create CT 100 - volume 'local:vztmpl/x' does not exist":                                    ErrTemplate,
		"unable to create CT 100 - directory '/x' does not exist":                                             ErrRootfs,
		"unable to create CT 100 - symlink encountered at: //srv/ct/link":                                     ErrRootfs,
		"mount points configured, but 'rootfs' not set - aborting":                                            ErrRootfs,
		"startup for container '100' failed":                                                                  ErrStart,
		"unable to get PID for CT 100 (not running?)":                                                         ErrStart,
		"400 Parameter verification failed.\nmemory: value must have a minimum value of 16":                   ErrParameter,
		"400 not enough arguments\npct create <vmid> <ostemplate> [OPTIONS]":                                  ErrParameter,
		"Unknown option: nosuch\n400 unable to parse option":                                                  ErrParameter,
		"403 Permission check failed (/vms/100, VM.Allocate)":                                                 ErrPermission,
	} {
		err := newError([]string{"start", "100"}, "", stderr, errors.New("exit status 255"))
		if !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", stderr, err.Cause, want)
		}
		if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "pct start 100") {
			t.Errorf("message %q", err.Error())
		}
	}
	if err := newError([]string{"start", "1"}, "", "something new", errors.New("exit status 2")); err.Cause != nil || !strings.Contains(err.Error(), "something new") {
		t.Errorf("unknown words: %v", err)
	}
	if err := newError([]string{"start", "1"}, "CT is locked (disk)", "", errors.New("exit status 2")); !errors.Is(err, ErrLocked) {
		t.Errorf("on stdout: %v", err)
	}
}

func TestRefusedParameters(t *testing.T) {
	t.Parallel()
	err := newError([]string{"create", "1"}, "", "400 Parameter verification failed.\n"+
		"memory: value must have a minimum value of 16\nhostname: invalid format - value does not look like a valid DNS name\n"+
		"pct create <vmid> <ostemplate> [OPTIONS]", errors.New("exit status 255"))
	if want := []string{"memory", "hostname"}; !reflect.DeepEqual(err.Parameters, want) {
		t.Errorf("parameters %q, want %q", err.Parameters, want)
	}
}

// fakePct writes a pct that runs a script. calls returns how often it was called.
func fakePct(t *testing.T, script string) (path string, calls func() int) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "pct")
	log := filepath.Join(dir, "calls")
	text := fmt.Sprintf("#!/bin/sh\necho x >>%s\nn=$(wc -l <%s)\n%s\n", log, log, script)
	if err := executable.Write(path, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return path, func() int {
		data, _ := os.ReadFile(log)
		return strings.Count(string(data), "x")
	}
}

func TestCallsAreRetried(t *testing.T) {
	t.Parallel()
	const busy = `echo "can't lock file '/run/lock/lxc/pve-config-1.lock' - got timeout" >&2; exit 255`
	const quorum = `echo "cluster not ready - no quorum?" >&2; exit 255`
	for name, c := range map[string]struct {
		script string
		wait   time.Duration
		want   error
		calls  int
	}{
		"success":             {"exit 0", 0, nil, 1},
		"a lock":              {"[ $n -ge 2 ] || { " + busy + "; }", 0, nil, 2},
		"quorum, not asked":   {quorum, 0, ErrNoQuorum, 1},
		"quorum comes":        {"[ $n -ge 2 ] || { " + quorum + "; }", time.Minute, nil, 2},
		"quorum never comes":  {quorum, 300 * time.Millisecond, ErrNoQuorum, 2},
		"a task of Proxmox's": {"echo 'CT is locked (backup)' >&2; exit 255", 0, ErrLocked, 1},
		"a taken VMID":        {"echo \"CT 1 already exists on node 'pve'\" >&2; exit 255", 0, ErrExists, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, calls := fakePct(t, c.script)
			client := &Client{Path: path, QuorumWait: c.wait}
			err := client.Start(context.Background(), 1)
			if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if got := calls(); got < c.calls || c.want == nil && got != c.calls {
				t.Errorf("%d calls, want %d", got, c.calls)
			}
		})
	}
}

// TestHangingPct checks that a pct that hangs is killed, and that the error says what to look at.
func TestHangingPct(t *testing.T) {
	t.Parallel()
	path, _ := fakePct(t, "exec sleep 1000")
	begin := time.Now()
	err := (&Client{Path: path, Timeout: 100 * time.Millisecond}).Start(context.Background(), 1)
	if !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "pvedaemon") {
		t.Errorf("error %v", err)
	}
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("it took %v", took)
	}
}

func TestNoPct(t *testing.T) {
	t.Parallel()
	if err := (&Client{Path: filepath.Join(t.TempDir(), "pct")}).Start(context.Background(), 1); !errors.Is(err, ErrNoPct) {
		t.Errorf("error %v", err)
	}
}

// TestTroubleshooting checks that docs/troubleshooting.md shows the table of troubles. With -update
// it writes the table there.
func TestTroubleshooting(t *testing.T) {
	const path, begin, end = "../../docs/troubleshooting.md", "<!-- pct: begin -->\n", "<!-- pct: end -->\n"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s: no place for the table", path)
	}
	var table strings.Builder
	table.WriteString("| what | pct says (a regular expression) | what it means | what to do |\n|---|---|---|---|\n")
	for _, row := range troubles {
		advice := row.advice
		if advice == "" {
			advice = "–"
		}
		fmt.Fprintf(&table, "| %s | `%s` | %s | %s |\n", row.cause, strings.ReplaceAll(row.words, "|", `\|`), row.meaning, advice)
	}
	want := before + begin + table.String() + end + after
	if string(data) == want {
		return
	}
	if !*update {
		t.Fatalf("%s does not show the table: run the tests of this package with -update", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
