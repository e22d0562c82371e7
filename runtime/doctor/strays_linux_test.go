package doctor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/lxc"
)

// TestDistrust checks that doctor neither reads nor obeys a record that others can have written.
func TestDistrust(t *testing.T) {
	t.Parallel()
	const user, record = "run/user/1000/berth", `{"id":"y","backend":"lxc"}`
	for name, c := range map[string]struct {
		dir    string
		change func(dir string) error
		want   backends.Verdict // of the row that says so; "" if the directory is looked at
	}{
		"its own":                    {user, nil, ""},
		"for all":                    {user, func(dir string) error { return os.Chmod(dir, 0o777) }, backends.Warn},
		"for the group":              {user, func(dir string) error { return os.Chmod(dir, 0o775) }, backends.Warn},
		"for all, and sticky":        {user, func(dir string) error { return os.Chmod(dir, 0o777|os.ModeSticky) }, backends.Warn},
		"below one for all":          {user, func(dir string) error { return os.Chmod(filepath.Dir(dir), 0o777) }, backends.Warn},
		"below a sticky one for all": {user, func(dir string) error { return os.Chmod(filepath.Dir(dir), 0o777|os.ModeSticky) }, ""},
		"a link to one for all": {user, func(dir string) error {
			return errors.Join(link(dir), os.Chmod(dir, 0o777))
		}, backends.Warn},
		"another's":           {user, func(dir string) error { return os.Chown(dir, 1000, 1000) }, backends.Pass},
		"below another's":     {user, func(dir string) error { return os.Chown(filepath.Dir(dir), 1000, 1000) }, backends.Pass},
		"a link of another's": {user, func(dir string) error { return errors.Join(link(dir), os.Lchown(dir, 1000, 1000)) }, backends.Pass},
		"chosen, another's":   {"run/berth", func(dir string) error { return os.Chown(dir, 1000, 1000) }, backends.Warn},
		"chosen, for all":     {"run/berth", func(dir string) error { return os.Chmod(dir, 0o777) }, backends.Warn},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if strings.Contains(name, "another's") && os.Geteuid() != 0 {
				t.Skip("only root gives files away")
			}
			d := host(t, map[string]string{c.dir + "/y/state.json": record})
			dir := d.path(c.dir)
			if c.change != nil {
				if err := c.change(dir); err != nil {
					t.Fatal(err)
				}
			}
			fixes, row := 0, backends.Finding{}
			for _, f := range d.strays(t.Context()) {
				if f.Fix != nil {
					fixes++
				} else if strings.Contains(f.Looked, dir+":") {
					row = f
				}
			}
			roots, _ := d.roots()
			if looked := slices.Contains(roots, dir); looked != (c.want == "") || (fixes > 0) != looked || row.Verdict != c.want {
				t.Errorf("looked at: %v, %d to be fixed, and said: %+v", looked, fixes, row)
			}
			if row.Verdict != "" && row.Advice == "" {
				t.Error("no advice")
			}
		})
	}
}

// TestChosenRoot checks that doctor leaves a directory alone if it holds something that is not
// berth's, even if the directory was chosen. The mounts and files there belong to the host.
func TestChosenRoot(t *testing.T) {
	t.Parallel()
	const mounted = "22 1 0:20 / DIR/run/user/0 rw - tmpfs tmpfs rw\n23 1 0:21 / DIR/run/lock rw - tmpfs tmpfs rw\n"
	for name, c := range map[string]struct {
		files map[string]string
		skip  bool // the directory is said not to be looked at
		fixes int
	}{
		"the host's /run":   {map[string]string{"run/user/0/": "", "run/lock/": "", "run/sshd.pid": "1\n", "proc/self/mountinfo": mounted}, true, 0},
		"only its mounts":   {map[string]string{"run/lock/": "", "proc/self/mountinfo": mounted}, true, 0},
		"with a record":     {map[string]string{"run/user/0/": "", "run/lock/": "", "run/x/state.json": complete, "proc/self/mountinfo": mounted}, false, 0},
		"runc's containers": {map[string]string{"run/x/state.json": `{"id":"x","init_process_pid":7}`}, false, 0},
		"a damaged record":  {map[string]string{"run/x/state.json": `{"id":"x"}`}, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.files["run/berth/"] = "-"
			d := host(t, c.files)
			d.Root = d.path("run")
			var fixes []string
			skipped := false
			for _, f := range d.strays(t.Context()) {
				if f.Fix != nil {
					fixes = append(fixes, f.Looked)
				}
				skipped = skipped || f.Verdict == backends.Warn && strings.Contains(f.Looked, "state directory "+d.Root+": it has ") && f.Advice != ""
			}
			if len(fixes) != c.fixes || skipped != c.skip {
				t.Errorf("to be fixed: %q, skipped: %v", fixes, skipped)
			}
		})
	}
}

// link replaces a directory by a symbolic link to it.
func link(dir string) error {
	real := filepath.Join(filepath.Dir(dir), "real")
	return errors.Join(os.Rename(dir, real), os.Symlink(real, dir))
}

// TestMonitorOfOthers checks that doctor leaves a monitor alone if others can write to its state
// directory, because they may have removed its record.
func TestMonitorOfOthers(t *testing.T) {
	t.Parallel()
	d := host(t, lxcStart(70, "NAME", "DIR/run/berth/x/lxc.conf"))
	if list, err := d.monitors(nil); len(list) != 1 || err != nil {
		t.Errorf("%+v, %v", list, err)
	}
	if err := os.Chmod(d.Root, 0o777); err != nil {
		t.Fatal(err)
	}
	if list, err := d.monitors(nil); len(list) != 0 || err != nil {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestEnclosed checks that only the container below a monitor is killed with it, and nothing that
// it merely points at.
func TestEnclosed(t *testing.T) {
	t.Parallel()
	self := in(os.Getpid(), "/user.slice/session")
	for name, c := range map[string]struct {
		below map[string]string
		want  string
	}{
		"init where LXC has put it":  {join(proc(71, 70, "lxc-start"), in(71, "/berth/x")), "[/berth/x]"},
		"stub init with the monitor": {join(proc(71, 70, "@/stub-init", "sock"), in(71, "/lxc.monitor.NAME"), watching(71, 72), in(72, "/berth/x/below")), "[/berth/x/below]"},
		"stub init alone":            {join(proc(71, 70, "@/stub-init", "sock"), in(71, "/lxc.monitor.NAME")), "[]"},
		"a hook":                     {join(proc(71, 70, "sh", "-c", "x"), in(71, "/lxc.monitor.NAME"), watching(71, 72), in(72, "/system.slice")), "[]"},
		"somebody else's child":      {join(proc(71, 69, "@/stub-init", "sock"), in(71, "/lxc.monitor.NAME"), watching(71, 72), in(72, "/berth/x")), "[]"},
		"our own cgroup":             {join(proc(71, 70, "lxc-start"), in(71, "/user.slice/session")), "[]"},
		"one above ours":             {join(proc(71, 70, "lxc-start"), in(71, "/user.slice")), "[]"},
		"that of the host's first":   {join(proc(71, 70, "lxc-start"), in(71, "/init.scope")), "[]"},
		"the root":                   {join(proc(71, 70, "lxc-start"), in(71, "/")), "[]"},
		"a way upwards":              {join(proc(71, 70, "lxc-start"), in(71, "/../system.slice")), "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := host(t, join(self, in(1, "/init.scope"), lxcStart(70, "NAME", "DIR/run/berth/x/lxc.conf"), c.below))
			p, _ := d.process(70)
			m, ok := d.monitor(p)
			if !ok {
				t.Fatalf("no monitor: %+v", p)
			}
			if want := "/lxc.monitor." + lxc.Name(&backends.Container{ID: "x", Root: d.Root}); m.cgroups()[0] != want {
				t.Errorf("%v, want %s first", m.cgroups(), want)
			}
			if got := fmt.Sprint(d.enclosed(m)); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestEnd checks that a process is killed only if it is still the one that was found.
func TestEnd(t *testing.T) {
	t.Parallel()
	d := &Doctor{Dir: "/"}
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	found, ok := d.process(cmd.Process.Pid)
	for deadline := time.Now().Add(10 * time.Second); !ok; found, ok = d.process(cmd.Process.Pid) {
		if time.Now().After(deadline) {
			t.Fatal("the process is not there")
		}
		time.Sleep(time.Millisecond) // exec sets the arguments last
	}
	before, became := found, found
	before.StartTime--
	became.args = []string{"berth-init"}
	for _, p := range []process{before, became} {
		if err := d.end(p); err != nil || !found.Alive() {
			t.Errorf("%+v: %v, alive: %v", p, err, found.Alive())
		}
	}
	go func() { ended <- cmd.Wait() }()
	if err := d.end(found); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("it ended with %v", err)
	}
	if err := d.end(found); err != nil {
		t.Errorf("one that has gone: %v", err)
	}
}
