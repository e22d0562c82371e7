//go:build linux && integration

package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// attached takes away what Debian's profile "crun" adds, which is attached to crun's
// path and allows all.
var attached = strings.NewReplacer("//&crun (mixed)", " (enforce)", "crun (unconfined)", "unconfined")

// TestAppArmorExec has processes of exec with every kind of profile, in containers
// with and without one: each is confined as under runc, or as under crun, or refused
// as there.
func TestAppArmorExec(t *testing.T) {
	prepareGround(t)
	loadProfile(t)
	profiles := []string{"", profile, "unconfined", "berth-nosuch"}
	for _, own := range profiles[:2] {
		found := map[string][]string{}
		for runtime := range strings.SplitSeq(*runtimes, ",") {
			found[runtime] = execProfiles(t, runtime, own, profiles)
		}
		for _, ours := range backendsUnderTest() {
			for i, got := range found[ours] {
				if runc, crun := found["runc"][i], found["crun"][i]; got != runc && got != crun {
					t.Errorf("%s, container's profile %q, %s: %q, runc %q, crun %q", ours, own, execNames(profiles)[i], got, runc, crun)
				}
			}
		}
		t.Logf("container's profile %q: %v", own, found)
	}
}

// execNames are the ways to exec that execProfiles tries.
func execNames(profiles []string) (names []string) {
	for _, p := range profiles {
		names = append(names, fmt.Sprintf("--apparmor %q", p), fmt.Sprintf("process.apparmorProfile %q", p))
	}
	return names
}

// execProfiles are the profiles that processes of exec have, or "refused".
func execProfiles(t *testing.T, runtime, own string, profiles []string) (found []string) {
	t.Helper()
	id := fmt.Sprintf("apparmor%d-%s-%t", os.Getpid(), runtime, own == "")
	dir := filepath.Join(workDir, id)
	defer os.RemoveAll(dir)
	if err := newRoot(filepath.Join(dir, "rootfs")); err != nil {
		t.Fatal(err)
	}
	conf := newConfig(t, dir, dir, id)
	conf.Process.Args, conf.Process.ApparmorProfile = []string{"/bin/busybox", "sleep", "1000"}, own
	conf.must(os.WriteFile(filepath.Join(dir, "config.json"), conf.encode(), 0o644))
	state := filepath.Join(workDir, "state-"+runtime)
	call := func(args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		c := exec.CommandContext(ctx, runtime, append([]string{"--root", state}, args...)...)
		c.WaitDelay = time.Second
		out, err := c.Output()
		return strings.TrimSpace(string(out)), err
	}
	// Its descriptors are the container's for as long as it lives: none of a pipe.
	run := exec.Command(runtime, "--root", state, "run", "--detach", "--bundle", dir, id)
	if err := run.Run(); err != nil {
		t.Fatalf("%s run, profile %q: %v", runtime, own, err)
	}
	defer func() { _, _ = call("delete", "--force", id) }()
	show := []string{"/bin/busybox", "cat", "/proc/self/attr/current"}
	said := func(out string, err error) string {
		if err != nil {
			return "refused"
		}
		return attached.Replace(out)
	}
	for _, p := range profiles {
		found = append(found, said(call(append([]string{"exec", "--apparmor", p, id}, show...)...)))
		conf.Process.Args, conf.Process.ApparmorProfile = show, p
		file := filepath.Join(dir, "process.json")
		data, err := json.Marshal(conf.Process)
		conf.must(err)
		conf.must(os.WriteFile(file, data, 0o644))
		found = append(found, said(call("exec", "--process", file, id)))
	}
	return found
}
