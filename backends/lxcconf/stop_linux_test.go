package lxcconf

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/integration/executable"
)

// fakeSleep returns a directory with a sleep(1) that does not sleep but writes its argument to the
// file slept in the current directory. In the call of that number it empties the cgroup.
func fakeSleep(t *testing.T, empties int) string {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\necho \"$1\" >>slept\nn=0; [ ! -e count ] || read -r n <count; n=$((n+1)); echo $n >count\n"+
		"[ $n != %d ] || echo 'populated 0' >cgroup.events\n", empties)
	if err := executable.Write(filepath.Join(dir, "sleep"), []byte(script)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// runHook runs the stop hook as LXC does (run_script in LXC's src/lxc/utils.c) and fails the test
// if it prints something or fails.
func runHook(t *testing.T, value, path string) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "exec "+value+" c lxc stop")
	cmd.Env = []string{"PATH=" + path + ":/usr/bin:/bin"}
	cmd.Dir = "/"
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v, %q", err, out)
	}
}

// TestStopHook runs the hook in a directory with a cgroup's files.
func TestStopHook(t *testing.T) {
	t.Parallel()
	const shared = "/proc/1/ns/pid"
	for name, c := range map[string]struct {
		pids    string            // path of the pid namespace
		status  string            // of the container's process in a shared pid namespace; "": no link
		files   map[string]string // of the cgroup
		empties int               // the call of sleep that empties the cgroup
		killed  bool
		slept   string
		entered bool // the hook has moved into the cgroup
	}{
		"kills, and waits for the end":   {files: map[string]string{"cgroup.events": "populated 1\nfrozen 0\n"}, empties: 3, killed: true, slept: strings.Repeat("0.01\n", 3)},
		"waits for 1 s at most":          {files: map[string]string{"cgroup.events": "populated 1\n"}, killed: true, slept: strings.Repeat("0.01\n", 100)},
		"an empty cgroup":                {files: map[string]string{"cgroup.events": "populated 0\n"}, killed: true},
		"after an OOM kill":              {files: map[string]string{"cgroup.events": "populated 0\n", "memory.events": "low 0\noom 1\noom_kill 2\n"}, killed: true, slept: "1\n", entered: true},
		"without an OOM kill":            {files: map[string]string{"cgroup.events": "populated 0\n", "memory.events": "oom 1\noom_kill 0\n"}, killed: true},
		"shared, and told to stop":       {pids: shared, status: "State:\tS (sleeping)\nThreads:\t1\n", files: map[string]string{"cgroup.events": "populated 0\n"}, killed: true},
		"shared, created but no more":    {pids: shared, files: map[string]string{"cgroup.events": "populated 0\n"}, killed: true},
		"shared, and it has ended":       {pids: shared, status: "State:\tZ (zombie)\nThreads:\t1\n", files: map[string]string{"cgroup.events": "populated 1\n"}},
		"shared, and it has been reaped": {pids: shared, status: "none", files: map[string]string{"cgroup.events": "populated 1\n"}},
		"shared, one thread has ended":   {pids: shared, status: "State:\tZ (zombie)\nThreads:\t2\n", files: map[string]string{"cgroup.events": "populated 0\n"}, killed: true},
		"shared, ended, after an OOM kill": {pids: shared, status: "State:\tX (dead)\nThreads:\t1\n",
			files: map[string]string{"cgroup.events": "populated 1\n", "memory.events": "oom_kill 1\n"}, slept: "1\n", entered: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, group := t.TempDir(), t.TempDir()
			for file, text := range c.files {
				write(t, filepath.Join(group, file), text)
			}
			j := newJob(dir, namespaceOf(specs.PIDNamespace, c.pids))
			if err := os.Symlink(group, cgroupLink(j)); err != nil {
				t.Fatal(err)
			}
			if c.status != "" {
				process := t.TempDir()
				if c.status != "none" {
					write(t, filepath.Join(process, "status"), c.status)
				}
				if err := os.Symlink(process, j.ProcessLink()); err != nil {
					t.Fatal(err)
				}
			}
			runHook(t, Hook(stop(j)), fakeSleep(t, c.empties))
			for file, want := range map[string]string{"cgroup.kill": text(c.killed, "1\n"), "cgroup.procs": text(c.entered, "0\n"), "slept": c.slept} {
				if got, _ := os.ReadFile(filepath.Join(group, file)); string(got) != want {
					t.Errorf("%s holds %q, want %q", file, got, want)
				}
			}
		})
	}
}

func text(is bool, s string) string {
	if is {
		return s
	}
	return ""
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestStopHookWithoutCgroup checks that the hook does nothing if the cgroup is gone.
func TestStopHookWithoutCgroup(t *testing.T) {
	t.Parallel()
	j := newJob(t.TempDir(), namespaceOf(specs.PIDNamespace, ""))
	runHook(t, Hook(stop(j)), t.TempDir())
	if err := os.Symlink("/nowhere", cgroupLink(j)); err != nil {
		t.Fatal(err)
	}
	runHook(t, Hook(stop(j)), t.TempDir())
	entries, err := os.ReadDir(j.Dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

// TestLinkCgroup checks that the name of the cgroup, which config.json gives, is only the target of
// a link.
func TestLinkCgroup(t *testing.T) {
	t.Parallel()
	j := newJob(t.TempDir())
	j.Data.Cgroup = "/a b/$(id);'x\""
	for range 2 { // a second call is no error
		if err := LinkCgroup(j); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.Readlink(cgroupLink(j)); err != nil || got != cgroup.Mount+j.Data.Cgroup {
		t.Errorf("%q, %v", got, err)
	}
	if script := stop(j); strings.Contains(script, "$(id)") {
		t.Errorf("the hook holds the cgroup's name: %s", script)
	}
	if err := LinkCgroup(newJob("/nowhere/c")); err == nil || !strings.Contains(err.Error(), "stop hook") {
		t.Errorf("in no directory: %v", err)
	}
}
