//go:build linux && integration

package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

// attached removes from a label what Debian's profile "crun" adds to it. That profile is attached
// to crun's path and allows everything.
var attached = strings.NewReplacer("//&crun (mixed)", " (enforce)", "crun (unconfined)", "unconfined")

// TestAppArmorExec runs exec with every kind of profile, in containers with and without a profile.
// Each process must be confined, or refused, as under runc or as under crun.
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

// TestAppArmorExecInCT checks containers that name no profile. Processes of a CT have the profile
// that LXC generates for it, unless the container is privileged. LXC also creates an AppArmor
// policy namespace for it, so only the host sees that profile.
func TestAppArmorExecInCT(t *testing.T) {
	prepareGround(t)
	for runtime, want := range map[string]string{"berth-pct": "lxc-", "berth-lxc": "unconfined"} {
		for _, own := range []string{"CAP_KILL", "CAP_SYS_ADMIN"} {
			if own == "CAP_SYS_ADMIN" {
				want = "unconfined"
			}
			r := runSleeper(t, runtime, func(c *config) {
				c.Process.Capabilities = &specs.LinuxCapabilities{Bounding: []string{own}}
			})
			file := filepath.Join(r.dir, "pid")
			// In the foreground, because nobody would reap it otherwise.
			inside := exec.Command(runtime, "--root", r.state, "exec", "--pid-file", file, r.id, "/bin/busybox", "cat")
			in, err := inside.StdinPipe()
			r.must(err)
			r.must(inside.Start())
			suite.Eventually(t, "a pid file, which is written when the program runs", func() bool {
				_, err := os.Stat(file)
				return err == nil
			})
			for _, f := range []string{filepath.Join(r.dir, "first"), file} {
				pid, err := os.ReadFile(f)
				r.must(err)
				got, err := os.ReadFile("/proc/" + string(pid) + "/attr/current")
				if err != nil || !strings.HasPrefix(string(got), want) {
					t.Errorf("%s, %s, %s: %q (%v), want %s", runtime, own, filepath.Base(f), got, err, want)
				}
			}
			r.must(in.Close())
			_ = inside.Wait()
			r.end()
		}
	}
}

// execNames returns the ways to exec that execProfiles tries.
func execNames(profiles []string) (names []string) {
	for _, p := range profiles {
		names = append(names, fmt.Sprintf("--apparmor %q", p), fmt.Sprintf("process.apparmorProfile %q", p))
	}
	return names
}

// sleeper is a running container whose process sleeps.
type sleeper struct {
	*config
	runtime, state, id, dir string
}

func runSleeper(t *testing.T, runtime string, edit func(*config)) *sleeper {
	t.Helper()
	id := fmt.Sprintf("apparmor%d-%s", os.Getpid(), runtime)
	dir := filepath.Join(suite.Dir(), id)
	if err := newRoot(filepath.Join(dir, "rootfs")); err != nil {
		t.Fatal(err)
	}
	s := &sleeper{newConfig(t, dir, dir, id), runtime, filepath.Join(suite.Dir(), "state-"+runtime), id, dir}
	s.Process.Args = []string{"/bin/busybox", "sleep", "1000"}
	edit(s.config)
	s.must(os.WriteFile(filepath.Join(dir, "config.json"), s.encode(), 0o644))
	// The container keeps these descriptors for its whole life, so none of them may be a pipe.
	run := exec.Command(runtime, "--root", s.state, "run", "--detach", "--pid-file", filepath.Join(dir, "first"), "--bundle", dir, id)
	if err := run.Run(); err != nil {
		t.Fatalf("%s run: %v", runtime, err)
	}
	return s
}

func (s *sleeper) call(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, s.runtime, append([]string{"--root", s.state}, args...)...)
	c.WaitDelay = time.Second
	out, err := c.Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		err = fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

func (s *sleeper) end() {
	if out, err := s.call("delete", "--force", s.id); err != nil {
		s.t.Errorf("%s delete: %v: %s", s.runtime, err, out)
	}
	s.must(os.RemoveAll(s.dir))
}

// execProfiles returns the profiles that processes of exec have, or "refused", in the order of
// execNames.
func execProfiles(t *testing.T, runtime, own string, profiles []string) (found []string) {
	t.Helper()
	s := runSleeper(t, runtime, func(c *config) { c.Process.ApparmorProfile = own })
	defer s.end()
	show := []string{"/bin/busybox", "cat", "/proc/self/attr/current"}
	said := func(out string, err error) string {
		if err != nil {
			return "refused"
		}
		return attached.Replace(out)
	}
	for _, p := range profiles {
		found = append(found, said(s.call(append([]string{"exec", "--apparmor", p, s.id}, show...)...)))
		s.Process.Args, s.Process.ApparmorProfile = show, p
		file := filepath.Join(s.dir, "process.json")
		data, err := json.Marshal(s.Process)
		s.must(err)
		s.must(os.WriteFile(file, data, 0o644))
		found = append(found, said(s.call("exec", "--process", file, s.id)))
	}
	return found
}
