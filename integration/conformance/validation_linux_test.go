//go:build linux && integration

package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/executable"
	"github.com/berth-oci/berth/integration/suite"
)

// longest is how long one program may take. The programs wait up to ten seconds for a container, at
// most four times.
const longest = 90 * time.Second

// material is what the programs expect in their working directory.
var material = []string{"runtimetest", "rootfs-" + runtime.GOARCH + ".tar.gz"}

// TestValidation runs every validation program with every runtime. A test that runc or crun passes
// and berth does not needs a written reason. The two runtimes of a pair must give the same results.
func TestValidation(t *testing.T) {
	list := validationPrograms(t)
	for _, name := range material {
		data, err := os.ReadFile(filepath.Join(*programs, name))
		if err == nil {
			err = executable.Write(filepath.Join(suite.Dir(), name), data)
		}
		if err != nil {
			t.Fatalf("-programs: %v", err)
		}
	}
	all := runPrograms(t, list)
	names := strings.Split(*runtimes, ",")
	for _, program := range list {
		t.Run(program, func(t *testing.T) {
			of := all[program]
			for _, ours := range slices.DeleteFunc(slices.Clone(names), func(s string) bool { return !isOurs(s) }) {
				for _, measure := range names {
					if isOurs(measure) {
						continue
					}
					worse := slices.DeleteFunc(of[ours].worse(of[measure]), func(key string) bool { return reasonFor(program, key) != "" })
					if len(worse) > 0 {
						t.Errorf("%s passes, %s does not, %s (%v)\n%s", measure, ours, few(worse), of[ours].ended, of[ours].output)
					}
				}
			}
			for _, pair := range pairList() {
				if differences := of[pair[0]].differences(of[pair[1]]); len(differences) > 0 {
					t.Errorf("%s and %s differ in %s\n%s\n---\n%s", pair[0], pair[1], few(differences), of[pair[0]].output, of[pair[1]].output)
				}
			}
		})
	}
	unneeded(t, all, names)
	count(t, all)
}

// validationPrograms returns the names of the suite's programs.
func validationPrograms(t *testing.T) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(*programs)
	if err != nil {
		t.Fatalf("-programs: %v", err)
	}
	for _, e := range entries {
		if e.Name() != "runtimetest" && !strings.Contains(e.Name(), ".") {
			list = append(list, e.Name())
		}
	}
	if len(list) < 50 {
		t.Fatalf("-programs %s: it holds %d programs, not the whole suite", *programs, len(list))
	}
	return list
}

// runPrograms runs all programs with all runtimes, six at a time, because they spend most of their
// time asleep.
func runPrograms(t *testing.T, list []string) map[string]map[string]result {
	t.Helper()
	wanted := strings.Split(*runtimes, ",")
	for _, pair := range pairList() {
		wanted = append(wanted, pair[0], pair[1])
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	all := map[string]map[string]result{}
	var lock, cgroups sync.Mutex
	var group sync.WaitGroup
	slots := make(chan struct{}, 6)
	for _, program := range list {
		all[program] = map[string]result{}
		for _, runtime := range wanted {
			group.Go(func() {
				if strings.Contains(program, "cgroups") || strings.Contains(program, "resources") {
					// These programs all use the same cgroup.
					cgroups.Lock()
					defer cgroups.Unlock()
				}
				slots <- struct{}{}
				defer func() { <-slots }()
				r := runProgram(program, runtime)
				lock.Lock()
				defer lock.Unlock()
				all[program][runtime] = r
			})
		}
	}
	group.Wait()
	return all
}

// runProgram runs one program in its own mount namespace and with its own state directory, and
// removes what it has left behind.
func runProgram(program, runtime string) result {
	failed := func(err error) result { return result{ended: err} }
	dir, err := os.MkdirTemp(suite.Dir(), program+"-"+runtime+"-")
	if err != nil {
		return failed(err)
	}
	defer os.RemoveAll(dir)
	for _, name := range material {
		if err := os.Link(filepath.Join(suite.Dir(), name), filepath.Join(dir, name)); err != nil {
			return failed(err)
		}
	}
	command := filepath.Join(dir, "runtime")
	script := fmt.Sprintf("#!/bin/sh\n%s\nexec %s --root %s/state \"$@\"\n", steady[program], runtime, dir)
	if err := executable.Write(command, []byte(script)); err != nil {
		return failed(err)
	}
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return failed(err)
	}
	defer clear(command)
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	c := exec.CommandContext(ctx, "unshare", "--mount", "--propagation", "private", filepath.Join(*programs, program))
	c.Dir = dir
	c.Env = append(os.Environ(), "RUNTIME="+command, "TMPDIR="+tmp)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return unix.Kill(-c.Process.Pid, unix.SIGKILL) }
	c.WaitDelay = 5 * time.Second
	var errs strings.Builder
	c.Stderr = &errs
	out, err := c.Output()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // a container outlived the program
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("not done after %v", longest)
	}
	r := parseTAP(string(out), err)
	r.output += "stderr: " + errs.String()
	return r
}

// clear deletes the containers that a program has left.
func clear(command string) {
	out, _ := exec.Command(command, "list", "-q").Output()
	for _, id := range strings.Fields(string(out)) {
		_ = exec.Command(command, "delete", "--force", id).Run()
	}
}

// few returns a message with the first five tests of a list.
func few(list []string) string {
	text := fmt.Sprintf("%d tests:\n", len(list))
	if len(list) == 1 {
		text = "the test "
	}
	return text + strings.Join(list[:min(len(list), 5)], "\n")
}

// unneeded fails the test for reasons that no longer explain anything.
func unneeded(t *testing.T, all map[string]map[string]result, names []string) {
	t.Helper()
	for _, r := range reasons {
		needed := false
		for _, ours := range names {
			for _, measure := range names {
				if isOurs(ours) && !isOurs(measure) {
					worse := all[r.program][ours].worse(all[r.program][measure])
					needed = needed || slices.ContainsFunc(worse, func(key string) bool { return r.explains(r.program, key) })
				}
			}
		}
		if !needed {
			t.Errorf("a reason for nothing: %s: %s", r.program, r.test)
		}
	}
}

// count logs how many programs each runtime passes, and which ones it does not pass.
func count(t *testing.T, all map[string]map[string]result) {
	t.Helper()
	passed, failed := map[string]int{}, map[string][]string{}
	for program, of := range all {
		for runtime, r := range of {
			if r.passed() {
				passed[runtime]++
			} else {
				failed[runtime] = append(failed[runtime], program)
			}
		}
	}
	for runtime, list := range failed {
		slices.Sort(list)
		t.Logf("%s passes %d of %d programs; not %s", runtime, passed[runtime], len(all), strings.Join(list, " "))
	}
}
