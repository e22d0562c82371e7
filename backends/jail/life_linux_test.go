package jail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
	"github.com/berth-oci/berth/spec"
)

// running makes the record of a container with data, whose process is a real one that waits for the
// end of the test.
func (h *fakeHost) running(data string) *backends.Container {
	h.Helper()
	c, s := h.container("")
	c.Data, c.Complete = json.RawMessage(data), true
	c.Process = h.process()
	if err := saveConfig(c, &savedConfig{Process: s.Process}); err != nil {
		h.Fatal(err)
	}
	return c
}

// process starts a process that ends with the test.
func (h *fakeHost) process() backends.Process {
	h.Helper()
	cmd := exec.Command("/bin/busybox", "sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if err := cmd.Start(); err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	p, err := backends.FindProcess(cmd.Process.Pid)
	if err != nil {
		h.Fatal(err)
	}
	return p
}

const inJail = `{"jail":"box","jid":7,"making":true,"root":"/b/rootfs"}`

func TestKill(t *testing.T) {
	t.Parallel()
	h := newFake(t)
	c := h.running(inJail)
	others := []backends.Process{h.process(), h.process()}
	h.write("state/pids", fmt.Sprintf("  %d\n%d\n99999999\n%d\n", others[0].Pid, c.Process.Pid, others[1].Pid))
	ctx := context.Background()
	alive := func() (n int) {
		for _, p := range append(others, c.Process) {
			if p.Alive() {
				n++
			}
		}
		return n
	}
	if err := h.backend.Kill(ctx, c, syscall.Signal(0), true); err != nil || alive() != 3 {
		t.Errorf("signal 0: %v, %d live", err, alive())
	}
	if err := h.backend.Kill(ctx, c, syscall.SIGKILL, false); err != nil || len(h.log()) != 1 {
		t.Errorf("the first process: %v", err)
	}
	for deadline := time.Now().Add(time.Minute); alive() != 2 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
	}
	if err := h.backend.Kill(ctx, c, syscall.SIGKILL, true); err != nil || alive() != 0 {
		t.Errorf("all: %v, %d live", err, alive())
	}
	if got, want := trimmed(h.log()), []string{"ps -x -o pid= -J 7", "ps -x -o pid= -J 7"}; len(got) < 1 || got[0] != want[0] || len(got) > maxRounds {
		t.Errorf("%q", got)
	}
	if pids, err := h.backend.Pids(c); err != nil || len(pids) != 4 || !slices.IsSorted(pids) {
		t.Errorf("%v, %v", pids, err)
	}
	h.write("state/pids", "one\n")
	if err := h.backend.Kill(ctx, c, syscall.SIGTERM, true); err == nil || !strings.Contains(err.Error(), `"one"`) {
		t.Errorf("ps prints nonsense: %v", err)
	}
	c.Data = json.RawMessage(`{"jail":"box","root":"/b/rootfs"}`) // the jail was never made
	if err := h.backend.Kill(ctx, c, syscall.SIGTERM, true); err != nil {
		t.Error(err)
	}
	if pids, err := h.backend.Pids(c); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("%v, %v", pids, err)
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	h := newFake(t)
	c := h.running(inJail)
	ctx := context.Background()
	for _, step := range []struct {
		resources string
		fail      int // the command that fails
		want      string
		limits    string // that are there afterwards
	}{
		{`{}`, 0, "", ""},
		{`{"pids":{"limit":5},"memory":{"limit":4096}}`, 0, "", "box:maxproc:deny=5 box:memoryuse:deny=4096"},
		{`{"pids":{"limit":6}}`, 0, "", "box:maxproc:deny=6 box:memoryuse:deny=4096"},
		{`{"cpu":{"quota":50000},"memory":{"limit":-1}}`, 0, "", "box:maxproc:deny=6 box:pcpu:deny=50"},
		{`{"memory":{"limit":-1}}`, 0, "", "box:maxproc:deny=6 box:pcpu:deny=50"},
		{`{"cpu":{"shares":5},"pids":{"limit":7}}`, 0, "linux.resources.cpu.shares: ", "box:maxproc:deny=6 box:pcpu:deny=50"},
		// The first limit was changed already, and gets its old value again.
		{`{"pids":{"limit":7},"cpu":{"quota":70000}}`, 4, "linux.resources: limit pcpu to 70: rctl -a jail:box:pcpu:deny=70: rctl: broken", "box:maxproc:deny=6 box:pcpu:deny=50"},
		{`{"pids":{"limit":7},"cpu":{"quota":70000}}`, 1, "rctl -r jail:box:maxproc: rctl: broken", "box:maxproc:deny=6 box:pcpu:deny=50"},
		{`{"pids":{"limit":-1},"cpu":{"quota":-1}}`, 0, "", ""},
	} {
		_ = os.Remove(filepath.Join(h.dir, "count"))
		h.write("fail", fmt.Sprint(step.fail))
		r, problems := spec.ParseResources([]byte(step.resources))
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		err := h.backend.Update(ctx, c, r)
		if (err == nil) != (step.want == "") || err != nil && !strings.Contains(err.Error(), step.want) {
			t.Errorf("%s: %v\nwant: %s", step.resources, err, step.want)
		}
		if got := h.limits(); got != step.limits {
			t.Errorf("%s: limits %s, want %s", step.resources, got, step.limits)
		}
		k, err := loadSavedConfig(c)
		if err != nil || k.Updated != (step.resources != "{}") || len(k.Limits) != len(strings.Fields(step.limits)) {
			t.Errorf("%s: saved: %+v, %v", step.resources, k, err)
		}
	}
	c.Process.StartTime++
	if err := h.backend.Update(ctx, c, &specs.LinuxResources{}); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("a container that has ended: %v", err)
	}
}

// limits returns the limits of rctl(8) that are there.
func (h *fakeHost) limits() string {
	h.Helper()
	files, err := filepath.Glob(filepath.Join(h.dir, "state/limit.*"))
	if err != nil {
		h.Fatal(err)
	}
	for i := range files {
		files[i] = strings.TrimPrefix(files[i], filepath.Join(h.dir, "state/limit."))
	}
	slices.Sort(files)
	return strings.Join(files, " ")
}

func TestStats(t *testing.T) {
	t.Parallel()
	h := newFake(t)
	c := h.running(inJail)
	if _, err := h.backend.Stats(c); err == nil || !strings.HasSuffix(err.Error(), "kern.racct.enable is 0 (set it to 1 in /boot/loader.conf, then reboot)") {
		t.Errorf("a kernel without statistics: %v", err)
	}
	h.write("state/usage", "cputime=3\ndatasize=1\nstacksize=2\nmemoryuse=4096\nmaxproc=4\nswapuse=100\nvmemoryuse=5\nopenfiles=9\n")
	if err := saveConfig(c, &savedConfig{Process: &specs.Process{}, Limits: []limit{{"memoryuse", 8192}, {"maxproc", 9}, {"pcpu", 50}}}); err != nil {
		t.Fatal(err)
	}
	s, err := h.backend.Stats(c)
	if err != nil {
		t.Fatal(err)
	}
	raw := map[string]uint64{"datasize": 1, "stacksize": 2, "memoryuse": 4096, "swapuse": 100, "vmemoryuse": 5}
	if s.CPU.Usage.Total != 3e9 || s.Memory.Usage.Usage != 4096 || s.Memory.Usage.Limit != 8192 || s.Memory.Swap.Usage != 4196 ||
		s.Pids.Current != 4 || s.Pids.Limit != 9 || fmt.Sprint(s.Memory.Raw) != fmt.Sprint(raw) {
		t.Errorf("%+v", s)
	}
	h.write("state/usage", "cputime=much\n")
	if _, err := h.backend.Stats(c); err == nil || !strings.Contains(err.Error(), `"cputime=much\n"`) {
		t.Errorf("rctl prints nonsense: %v", err)
	}
	c.Process.StartTime++
	if _, err := h.backend.Stats(c); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("a container that has ended: %v", err)
	}
}

// TestWatchOOM checks that it returns when the container ends, and when nobody wants to know.
func TestWatchOOM(t *testing.T) {
	t.Parallel()
	h := newFake(t)
	c := h.running(inJail)
	killed := func() { t.Error("a kill is reported") }
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.backend.WatchOOM(ctx, c, killed); err != nil || !c.Process.Alive() {
		t.Error(err)
	}
	done := make(chan error)
	go func() { done <- h.backend.WatchOOM(context.Background(), c, killed) }()
	if err := c.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, err := range []error{h.backend.Pause(ctx, c), h.backend.Resume(ctx, c)} {
		if !errors.Is(err, ErrNoFreezer) {
			t.Error(err)
		}
	}
}

func TestExec(t *testing.T) {
	t.Parallel()
	h := newFake(t)
	c := h.running(inJail)
	c.Data = json.RawMessage(strings.Replace(inJail, "/b/rootfs", c.Rootfs, 1))
	run := func(p *specs.Process, o backends.ExecOptions) (string, error) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		o.Stdio = [3]*os.File{nil, w, w}
		made, err := h.backend.Exec(context.Background(), c, p, o)
		w.Close()
		text, rerr := io.ReadAll(r)
		if rerr != nil {
			t.Error(rerr)
		}
		if err == nil {
			if _, err := syscall.Wait4(made.Pid, nil, 0, nil); err != nil {
				t.Error(err)
			}
		}
		return string(text), err
	}
	shell := func(script string) *specs.Process {
		return &specs.Process{Args: []string{"/bin/sh", "-c", script}, Cwd: "/", Env: []string{"A=b"}}
	}
	if text, err := run(shell(`echo $A *`), backends.ExecOptions{}); text != "b bin dev\n" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	missing, linux, none := shell(""), shell(""), shell("")
	missing.Args[0], linux.ApparmorProfile, none.Args = "/bin/none", "x", nil
	console := shell("")
	console.Terminal = true
	for name, e := range map[string]struct {
		process *specs.Process
		options backends.ExecOptions
		want    string
	}{
		"no program":       {missing, backends.ExecOptions{}, "/bin/none"},
		"a Linux field":    {linux, backends.ExecOptions{}, "process.apparmorProfile: "},
		"no arguments":     {none, backends.ExecOptions{}, "process.args: "},
		"a cgroup":         {shell(""), backends.ExecOptions{Cgroup: "a"}, "--cgroup: "},
		"a pidfd":          {shell(""), backends.ExecOptions{PidfdSocket: "a"}, "--pidfd-socket: "},
		"descriptors":      {shell(""), backends.ExecOptions{PreserveFDs: 1 << 16}, "descriptor "},
		"a console socket": {console, backends.ExecOptions{ConsoleSocket: "/nowhere"}, "--console-socket /nowhere: "},
	} {
		if text, err := run(e.process, e.options); err == nil || !strings.Contains(err.Error(), e.want) || errors.Is(err, os.ErrProcessDone) || text != "" {
			t.Errorf("%s: %v (%q), want %s", name, err, text, e.want)
		}
	}
	c.Process.StartTime++
	if _, err := run(missing, backends.ExecOptions{}); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("a container that has ended: %v", err)
	}
}

// TestDelete checks what Delete removes when the host has changed since create.
func TestDelete(t *testing.T) {
	t.Parallel()
	const data = `{"jail":"pod.box","jid":7,"making":true,"root":"/b/rootfs","raised":["pod"],"limited":true,
		"aliases":[{"interface":"lo1","address":"10.0.0.1"},{"interface":"lo1","address":"fd00::1"}],"interfaces":["epair0b"]}`
	usual := []string{
		"rctl jail:pod.box", "rctl -r jail:pod.box", "jls -j pod.box jid path", "ifconfig epair0b -vnet pod.box", "jail -R pod.box",
		"jls -j pod children.cur children.max", "jail -m name=pod children.max=2",
		"ifconfig lo1 inet6 fd00::1 prefixlen 128 -alias", "ifconfig lo1 inet 10.0.0.1 netmask 255.255.255.255 -alias",
	}
	without := func(gone ...string) []string {
		return slices.DeleteFunc(slices.Clone(usual), func(line string) bool {
			return slices.ContainsFunc(gone, func(g string) bool { return strings.HasPrefix(line, g) })
		})
	}
	for name, e := range map[string]struct {
		files map[string]string
		rules string
		want  []string
		fails string
	}{
		"everything there":       {want: usual},
		"no limits":              {files: map[string]string{"limit.pod.box:pcpu:deny=1": "-"}, want: without("rctl -r")},
		"no RACCT":               {rules: `case "$line" in rctl*) no "RACCT/RCTL support not present in kernel";; esac`, want: without("rctl -r")},
		"rctl fails":             {rules: `case "$line" in rctl*) no "out of order";; esac`, want: usual[:1], fails: "rctl jail:pod.box: rctl: out of order"},
		"no jail":                {files: map[string]string{"jail.pod.box": "-"}, want: without("ifconfig epair", "jail -R")},
		"another's jail":         {files: map[string]string{"jail.pod.box": "8 /b/rootfs\n"}, want: without("ifconfig epair", "jail -R")},
		"another's root":         {files: map[string]string{"jail.pod.box": "7 /c/rootfs\n"}, want: without("ifconfig epair", "jail -R")},
		"jls fails":              {rules: `case "$line" in "jls -j pod.box"*) no "out of order";; esac`, want: usual[:3], fails: "jls -j pod.box jid path: jls: out of order"},
		"no interface":           {files: map[string]string{"vnet.epair0b": "-"}, want: usual},
		"it ends by itself":      {rules: `case "$line" in "jail -R"*) rm state/jail.*; no "jail \"pod.box\" not found";; esac`, want: slices.Insert(slices.Clone(usual), 5, usual[2])},
		"it cannot be removed":   {rules: `case "$line" in "jail -R"*) no "out of order";; esac`, want: slices.Insert(slices.Clone(usual[:5]), 5, usual[2]), fails: "jail -R pod.box: jail: out of order"},
		"no parent":              {files: map[string]string{"children.pod": "-"}, want: without("jail -m")},
		"another in the parent":  {files: map[string]string{"children.pod": "3 3\n"}, want: without("jail -m")},
		"a parent without jails": {files: map[string]string{"children.pod": "0 0\n"}, want: without("jail -m")},
		"the parent's limit":     {rules: `case "$line" in "jail -m"*) no "out of order";; esac`, want: usual[:7], fails: "jail -m name=pod children.max=2: jail: out of order"},
		"no address":             {files: map[string]string{"alias.lo1.10.0.0.1": "-"}, want: usual},
		"an address that stays":  {rules: `case "$line" in *-alias) no "out of order";; esac`, want: usual, fails: "ifconfig lo1 inet6 fd00::1 prefixlen 128 -alias: ifconfig: out of order\nifconfig lo1 inet 10.0.0.1 netmask 255.255.255.255 -alias: ifconfig: out of order"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFake(t)
			for file, text := range map[string]string{
				"jail.pod.box": "7 /b/rootfs\n", "children.pod": "1 3\n", "alias.lo1.10.0.0.1": "", "alias.lo1.fd00::1": "", "vnet.epair0b": "", "limit.pod.box:pcpu:deny=1": "",
			} {
				if other, ok := e.files[file]; ok {
					text = other
				}
				if text != "-" {
					h.write("state/"+file, text)
				}
			}
			if e.rules != "" {
				h.write("rules", e.rules)
			}
			c := h.running(data)
			err := h.backend.Delete(context.Background(), c, true)
			if e.fails == "" && err != nil || e.fails != "" && (err == nil || err.Error() != e.fails) {
				t.Errorf("%v\nwant: %s", err, e.fails)
			}
			if c.Process.Alive() {
				t.Error("the process lives")
			}
			if got := trimmed(h.log()); !slices.Equal(got, e.want) {
				t.Errorf("%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(e.want, "\n"))
			}
		})
	}
}

// TestDeleteHalfMade checks records of a create that was killed early.
func TestDeleteHalfMade(t *testing.T) {
	t.Parallel()
	h := newFake(t)
	for data, want := range map[string][]string{
		``:                                  nil,
		`{"jail":"","root":""}`:             nil,
		`{"jail":"box","root":"/b/rootfs"}`: nil,
		`{"jail":"box","root":"/b/rootfs","making":true}`:         {"jls -j box jid path"},
		`{"jail":"box","root":"/b/rootfs","limited":true}`:        {"rctl jail:box"},
		`{"jail":"box","root":"/nowhere","files":[{"name":"x"}]}`: nil,
	} {
		c, _ := h.container("")
		c.Data = json.RawMessage(data)
		if err := h.backend.Delete(context.Background(), c, true); err != nil {
			t.Errorf("%s: %v", data, err)
		}
		if got := trimmed(h.log()); !slices.Equal(got, want) && len(got)+len(want) > 0 {
			t.Errorf("%s: %q, want %q", data, got, want)
		}
	}
	c := h.running(`{"jail":7}`)
	if err := h.backend.Delete(context.Background(), c, true); !errors.Is(err, record.ErrDamaged) || !c.Process.Alive() {
		t.Errorf("a damaged record: %v", err)
	}
	// A damaged file of the saved config does not stop Delete, which then looks for limits.
	c = h.running(`{"jail":"box","root":"/b/rootfs"}`)
	if err := os.WriteFile(filepath.Join(c.Dir, savedConfigFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.backend.Delete(context.Background(), c, true); err != nil {
		t.Error(err)
	}
	if got := trimmed(h.log()); !slices.Equal(got, []string{"rctl jail:box"}) {
		t.Errorf("%q", got)
	}
}
