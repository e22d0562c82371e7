package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
)

// TestLife runs each command of a container's life once, as an engine does.
func TestLife(t *testing.T) {
	l := newLine(t)
	if out := l.must("create", "--bundle", l.bundle, "--pid-file", filepath.Join(l.root, "pid"), "box"); out != "" {
		t.Errorf("create prints %q", out)
	}
	l.did("create box")
	if _, err := l.run("create", "--bundle", l.bundle, "box"); err == nil || !strings.Contains(err.Error(), "box") {
		t.Errorf("create of a container that exists: %v", err)
	}
	l.did()
	if pid, err := os.ReadFile(filepath.Join(l.root, "pid")); err != nil || string(pid) != fmt.Sprint(os.Getpid()) {
		t.Errorf("the pid file has %q, %v", pid, err)
	}
	state := func(want string) {
		t.Helper()
		var s map[string]any
		if err := json.Unmarshal([]byte(l.must("state", "box")), &s); err != nil {
			t.Fatal(err)
		}
		if s["status"] != want || s["id"] != "box" || s["bundle"] != l.bundle || s["rootfs"] != l.bundle+"/rootfs" || s["backend"] != "fake" ||
			s["ociVersion"] != specs.Version || fmt.Sprint(s["annotations"]) != "map[key:value]" || s["owner"] != "root" {
			t.Errorf("%v, want status %s", s, want)
		}
	}
	state("created")
	l.must("start", "box")
	l.did("start box")
	state("running")
	for words, want := range map[string]string{
		"kill box":                 "kill box 15",
		"kill box KILL":            "kill box 9",
		"kill box sigusr1":         "kill box 10",
		"kill box 34":              "kill box 34",
		"kill --all box HUP":       "kill box 1 all",
		"kill box SIGRTMIN+1":      "kill box 35",
		"kill -a box 0":            "kill box 0 all",
		"pause box":                "pause box",
		"update box --cpu-share 5": "update box",
	} {
		if out := l.must(strings.Fields(words)...); out != "" {
			t.Errorf("%s prints %q", words, out)
		}
		l.did(want)
		if words == "pause box" {
			state("paused")
			l.must("resume", "box")
			l.did("resume box")
		}
	}
	l.must("delete", "--force", "box")
	if n := len(l.calls); n == 0 || !strings.HasPrefix(l.calls[n-1], "delete box") {
		t.Errorf("delete calls for %q", l.calls)
	}
	if _, err := l.run("state", "box"); err == nil || !strings.Contains(err.Error(), "container does not exist") {
		t.Errorf("state after delete: %v", err)
	}
}

// TestCreateOptions checks where the flags of create go.
func TestCreateOptions(t *testing.T) {
	for name, c := range map[string]struct {
		global, flags string
		env           string // LISTEN_FDS
		got           func(*line) string
		want          string
		err           string
	}{
		"console":      {flags: "--console-socket /s", err: "cannot use console socket if "},
		"pidfd socket": {flags: "--pidfd-socket=/s", got: func(l *line) string { return l.create.PidfdSocket }, want: "/s"},
		"keyring":      {flags: "--no-new-keyring", got: func(l *line) string { return fmt.Sprint(l.create.NoNewKeyring) }, want: "true"},
		"no flags": {got: func(l *line) string {
			return fmt.Sprintf("%t %d %d %q %t", l.create.NoNewKeyring, l.create.PreserveFDs, l.create.ListenFDs, l.create.PidfdSocket, l.made.SystemdCgroup)
		}, want: "false 0 0 \"\" false"},
		"no pivot":    {flags: "--no-pivot", err: "--no-pivot"},
		"no cgroup":   {global: "--cgroup-manager=disabled", err: "--cgroup-manager=disabled"},
		"descriptors": {flags: "--preserve-fds=9", err: "descriptor "},
		"negative":    {flags: "--preserve-fds=-1", err: "--preserve-fds"},
		"LISTEN_FDS":  {env: "nine", err: `LISTEN_FDS must be a number of descriptors, not "nine"`},
		"few sockets": {env: "-1", err: `LISTEN_FDS must be a number of descriptors, not "-1"`},
		"sockets":     {env: "9", err: "descriptor "},
		"backend":     {global: "--backend=nosuch", err: `"nosuch"`},
		"the config":  {got: func(l *line) string { return string(l.create.Config[:1]) }, want: "{"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("LISTEN_FDS", c.env)
			l := newLine(t)
			words := append(strings.Fields(c.global), append([]string{"create", "-b", l.bundle}, append(strings.Fields(c.flags), "box")...)...)
			_, err := l.run(words...)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || len(l.calls) > 0 {
					t.Errorf("%v, want %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := c.got(l); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestExecProcess checks the process that exec makes of its flags and the container's own one.
func TestExecProcess(t *testing.T) {
	const (
		user  = `"user":{"uid":7,"gid":8,"additionalGids":[9]}`
		caps  = `"capabilities":{"bounding":["CAP_CHOWN"],"effective":["CAP_CHOWN"],"permitted":["CAP_CHOWN"]}`
		usual = user + `,"args":["ls","-l"],"env":["OWN=1"],"cwd":"/own",` + caps
	)
	file := filepath.Join(t.TempDir(), "process.json")
	if err := os.WriteFile(file, []byte(`{"args":["file"],"cwd":"/file","user":{"uid":1,"gid":2}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"args":7}`), 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLine(t)
	l.container()
	for flags, want := range map[string]string{
		"box ls -l":                      "{" + usual + "}",
		"--cwd /x box ls -l":             "{" + strings.Replace(usual, "/own", "/x", 1) + "}",
		"-e A=b,c -e D= box ls -l":       "{" + strings.Replace(usual, `"OWN=1"`, `"OWN=1","A=b,c","D="`, 1) + "}",
		"--user 5 box ls -l":             "{" + strings.Replace(usual, `"uid":7`, `"uid":5`, 1) + "}",
		"-u 5:6 box ls -l":               "{" + strings.Replace(usual, `"uid":7,"gid":8`, `"uid":5,"gid":6`, 1) + "}",
		"-g 10 -g 11 box ls -l":          "{" + strings.Replace(usual, "[9]", "[9,10,11]", 1) + "}",
		"--apparmor a box ls -l":         `{` + usual + `,"apparmorProfile":"a"}`,
		"--process-label b box ls -l":    `{` + usual + `,"selinuxLabel":"b"}`,
		"--no-new-privs box ls -l":       `{` + usual + `,"noNewPrivileges":true}`,
		"--no-new-privs=false box ls -l": "{" + usual + "}",
		"--cap CAP_KILL box ls -l":       "{" + strings.ReplaceAll(usual, `["CAP_CHOWN"]`, `["CAP_CHOWN","CAP_KILL"]`) + "}",
		"--process " + file + " box":     `{"user":{"uid":1,"gid":2},"args":["file"],"cwd":"/file"}`,
		// Errors.
		"box":                                 "process args cannot be empty",
		"--user x box ls":                     `parsing "x" as int for uid failed: `,
		"--user 1:y box ls":                   `parsing "y" as int for gid failed: `,
		"--user 4294967296 box ls":            `parsing "4294967296" as int for uid failed: `,
		"--user -1 box ls":                    `parsing "-1" as int for uid failed: `,
		"-g x box ls":                         "additional-gids: ",
		"--process /nowhere box":              "--process: open /nowhere: no such file or directory",
		"--process " + bad + " box":           "--process " + bad + ": ",
		"--cgroup a --cgroup b box ls":        "invalid --cgroup argument \"a b\": ",
		"--preserve-fds -1 box ls":            "--preserve-fds",
		"--console-socket /s box ls":          "",
		"--detach --tty box ls":               "cannot allocate tty if ",
		"--detach --console-socket /s box ls": "cannot use console socket if ",
	} {
		l.program, l.process = "exit 0", nil
		_, err := l.run(append([]string{"exec"}, strings.Fields(flags)...)...)
		if !strings.HasPrefix(want, "{") {
			if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "exec failed: ") || l.process != nil {
				t.Errorf("%s: %v, want %s", flags, err, want)
			}
			if failed := new(failure); !errors.As(err, &failed) || failed.status != 255 {
				t.Errorf("%s: %v has another exit status", flags, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", flags, err)
		} else if got := asJSON(t, l.process); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", flags, got, want)
		}
	}
}

// TestExecStatus checks the exit status of exec, which is that of the program.
func TestExecStatus(t *testing.T) {
	l := newLine(t)
	l.container()
	for program, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 137, "exit 255": 255} {
		l.program = program
		_, err := l.run("exec", "box", "ls")
		var status exitStatus
		if err != nil && !errors.As(err, &status) || int(status) != want || exitCode(err) != want {
			t.Errorf("%s: %v, want %d", program, err, want)
		}
	}
	l.calls, l.program = nil, "exit 9"
	pid := filepath.Join(l.root, "pid")
	if _, err := l.run("exec", "--detach", "--pid-file", pid, "--pidfd-socket=/p", "--cgroup", "sub", "box", "ls"); err != nil {
		t.Error(err)
	}
	l.did("exec box")
	if l.options.PidfdSocket != "/p" || l.options.Cgroup != "sub" {
		t.Errorf("%+v", l.options)
	}
	text, err := os.ReadFile(pid)
	if err != nil || !regexp.MustCompile(`^\d+$`).Match(text) {
		t.Errorf("the pid file has %q, %v", text, err)
	}
	var child int
	_, _ = fmt.Sscan(string(text), &child)
	if _, err := syscall.Wait4(child, nil, 0, nil); err != nil {
		t.Error(err)
	}
	l.must("pause", "box")
	if _, err := l.run("exec", "box", "ls"); err == nil || err.Error() != "exec failed: cannot exec in a paused container (use --ignore-paused to override)" {
		t.Error(err)
	}
	l.program = "exit 0"
	l.must("exec", "--ignore-paused", "box", "ls")
}

// TestUpdateResources checks the resources that update makes of its flags.
func TestUpdateResources(t *testing.T) {
	l := newLine(t)
	l.container()
	file := filepath.Join(t.TempDir(), "resources.json")
	if err := os.WriteFile(file, []byte(`{"pids":{"limit":7}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for flags, want := range map[string]string{
		"":                                     `{"memory":{},"cpu":{}}`,
		"--memory 64m":                         `{"memory":{"limit":67108864},"cpu":{}}`,
		"--memory=-1 --memory-swap -1":         `{"memory":{"limit":-1,"swap":-1},"cpu":{}}`,
		"--memory-reservation 1.5GiB":          `{"memory":{"reservation":1610612736},"cpu":{}}`,
		"--cpu-period 1000 --cpu-quota -1":     `{"memory":{},"cpu":{"quota":-1,"period":1000}}`,
		"--cpu-burst 5 --cpu-idle 1":           `{"memory":{},"cpu":{"burst":5,"idle":1}}`,
		"--cpu-share 1024":                     `{"memory":{},"cpu":{"shares":1024}}`,
		"--cpu-rt-period 9 --cpu-rt-runtime 8": `{"memory":{},"cpu":{"realtimeRuntime":8,"realtimePeriod":9}}`,
		"--cpuset-cpus 0-1 --cpuset-mems 0":    `{"memory":{},"cpu":{"cpus":"0-1","mems":"0"}}`,
		"--pids-limit -1":                      `{"memory":{},"cpu":{},"pids":{"limit":-1}}`,
		"--pids-limit 0":                       `{"memory":{},"cpu":{},"pids":{"limit":0}}`,
		"--blkio-weight 500":                   `{"memory":{},"cpu":{},"blockIO":{"weight":500}}`,
		"--blkio-weight 0":                     `{"memory":{},"cpu":{}}`,
		"--kernel-memory 5":                    `{"memory":{},"cpu":{}}`,
		"--resources " + file:                  `{"pids":{"limit":7}}`,
		"-r " + file + " --memory x":           `{"pids":{"limit":7}}`, // runc ignores the other flags, too
		// Errors.
		"--blkio-weight 65536":        "invalid value for blkio-weight: ",
		"--blkio-weight -1":           "invalid value for blkio-weight: ",
		"--cpu-period -1":             "invalid value for cpu-period: ",
		"--cpu-quota 1k":              "invalid value for cpu-quota: ",
		"--memory much":               "invalid value for memory: ",
		"--memory nan":                "invalid value for memory: ",
		"--pids-limit 1.5":            "invalid value for pids-limit: ",
		"--resources /nowhere":        "--resources: open /nowhere: no such file or directory",
		"--resources /proc/self/comm": "--resources /proc/self/comm: ",
		"--l3-cache-schema x":         "update does not support Intel RDT",
		"--mem-bw-schema x":           "update does not support Intel RDT",
	} {
		l.resources = nil
		_, err := l.run(append([]string{"update", "box"}, strings.Fields(flags)...)...)
		if !strings.HasPrefix(want, "{") {
			if err == nil || !strings.Contains(err.Error(), want) || l.resources != nil {
				t.Errorf("%s: %v, want %s", flags, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", flags, err)
		} else if got := asJSON(t, l.resources); got != want {
			t.Errorf("%s: %s, want %s", flags, got, want)
		}
	}
}

func TestList(t *testing.T) {
	l := newLine(t)
	if _, err := l.run("list"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no state directory: %v", err)
	}
	l.container()
	created := regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)`)
	blanks := regexp.MustCompile(` {3,}`)
	table := blanks.ReplaceAllString(created.ReplaceAllString(l.must("list"), "TIME"), "|")
	if want := fmt.Sprintf("ID|PID|STATUS|BUNDLE|CREATED|OWNER|BACKEND\nbox|%d|created|%s|TIME|root|fake\n", os.Getpid(), l.bundle); table != want {
		t.Errorf("%s\nwant: %s", table, want)
	}
	if out := l.must("list", "--quiet"); out != "box\n" {
		t.Errorf("%q", out)
	}
	var list []map[string]any
	if err := json.Unmarshal([]byte(l.must("list", "-f", "json")), &list); err != nil || len(list) != 1 || list[0]["id"] != "box" || list[0]["status"] != "created" {
		t.Errorf("%v, %v", list, err)
	}
	// A damaged record is shown, beside the others.
	if err := os.WriteFile(filepath.Join(l.root, "box/state.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.must("create", "-b", l.bundle, "other")
	if out := l.must("list", "-q"); out != "box\nother\n" {
		t.Errorf("%q", out)
	}
}

func TestPs(t *testing.T) {
	l := newLine(t)
	l.container()
	l.must("start", "box")
	l.pids = []int{os.Getpid(), 1}
	if out := l.must("ps", "--format=json", "box"); out != fmt.Sprintf("[%d,1]\n", os.Getpid()) {
		t.Errorf("%q", out)
	}
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	for _, c := range []struct {
		ps, args string
		want     string
		err      string
	}{
		{`echo "$@"; echo UID PID CMD; echo root 1 init; echo root 2 other; echo short; echo root ` + fmt.Sprint(os.Getpid()) + ` test`, "", "", "couldn't find PID field in ps output"},
		{`echo UID PID CMD $@; echo root 1 init; echo root 2 other; echo short; echo root ` + fmt.Sprint(os.Getpid()) + ` test`, "",
			"UID PID CMD -ef\nroot 1 init\nroot " + fmt.Sprint(os.Getpid()) + " test\n", ""},
		{`echo UID PID CMD $@; echo root 1 init`, "-o x -f json", "UID PID CMD -o x -f json\nroot 1 init\n", ""},
		{`echo UID PID; echo root one`, "", "", "unable to parse pid: "},
		{`echo wrong; exit 3`, "--nosuch", "", "ps: exit status 3: wrong"},
	} {
		if err := os.WriteFile(filepath.Join(bin, "ps"), []byte("#!/bin/sh\n"+c.ps+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		out, err := l.run(append([]string{"ps", "box"}, strings.Fields(c.args)...)...)
		if c.err == "" && (err != nil || out != c.want) || c.err != "" && (err == nil || !strings.HasPrefix(err.Error(), c.err)) {
			t.Errorf("%s: %q, %v, want %q %s", c.ps, out, err, c.want, c.err)
		}
	}
	if err := os.Remove(filepath.Join(bin, "ps")); err != nil {
		t.Fatal(err)
	}
	missing := new(backends.Missing)
	if _, err := l.run("ps", "box"); !errors.As(err, &missing) {
		t.Errorf("without ps: %v", err)
	}
	if _, err := l.run("ps", "--format=xml", "box"); err == nil || err.Error() != `invalid format option "xml": must be table or json` {
		t.Error(err)
	}
}

func TestEvents(t *testing.T) {
	l := newLine(t)
	l.container()
	for _, words := range [][]string{{"events", "--stats", "box"}, {"events", "box"}} {
		l.status = specs.StateStopped
		if _, err := l.run(words...); err == nil || err.Error() != "container with id box is not running" {
			t.Errorf("%q: %v", words, err)
		}
		l.status = specs.StateRunning
	}
	l.stats.Pids.Current = 5
	var event map[string]any
	if err := json.Unmarshal([]byte(l.must("events", "--stats", "box")), &event); err != nil || event["type"] != "stats" || event["id"] != "box" {
		t.Errorf("%v, %v", event, err)
	}
	if data, ok := event["data"].(map[string]any); !ok || fmt.Sprint(data["pids"]) != "map[current:5]" {
		t.Errorf("%v", event)
	}
	out := l.must("events", "--interval=1h", "box")
	if !strings.Contains(out, `{"type":"oom","id":"box"}`+"\n") {
		t.Errorf("%q", out)
	}
	l.fail, l.status = errFake, specs.StateRunning
	if _, err := l.run("events", "--stats", "box"); !errors.Is(err, errFake) {
		t.Error(err)
	}
}

var errFake = errors.New("the backend fails")

// TestBackendFails checks that each command passes on the backend's error.
func TestBackendFails(t *testing.T) {
	l := newLine(t)
	l.container()
	for _, words := range []string{"start box", "kill box", "pause box", "update box", "ps box", "exec box ls", "delete -f box"} {
		l.status = specs.StateRunning
		if words == "start box" {
			l.status = specs.StateCreated
		}
		l.fail = errFake
		if _, err := l.run(strings.Fields(words)...); !errors.Is(err, errFake) {
			t.Errorf("%s: %v", words, err)
		}
		l.fail = nil
	}
	for words, want := range map[string]string{
		"checkpoint box": "fake",
		"restore --bundle " + l.bundle + " another": "fake",
		"pct box config":                                   "fake",
		"create --bundle " + l.bundle + " a/b":             "invalid container ID format",
		"run --bundle " + l.bundle + " --detach ../escape": "invalid container ID format",
	} {
		l.status = specs.StateRunning
		if _, err := l.run(strings.Fields(words)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", words, err, want)
		}
	}
}

// TestBackends checks both forms of the list.
func TestBackends(t *testing.T) {
	l := newLine(t)
	var list []map[string]any
	if err := json.Unmarshal([]byte(l.must("backends", "-f", "json")), &list); err != nil {
		t.Fatal(err)
	}
	row := func() map[string]any {
		for _, b := range list {
			if b["name"] == "fake" {
				return b
			}
		}
		return nil
	}
	if b := row(); b["default"] != true || b["usable"] != true || b["reason"] != nil || fmt.Sprint(b["tools"]) != "[map[name:faker path:/bin/faker version:1.2]]" {
		t.Errorf("%v", b)
	}
	l.fail = errors.New("no luck\ntoday")
	table := regexp.MustCompile(` {2,}`).ReplaceAllString(l.must("backends"), "|")
	if !strings.HasPrefix(table, "NAME|DEFAULT|USABLE|TOOLS|REASON\n") || !strings.Contains(table, "\nfake|yes|no|faker 1.2 (/bin/faker)|no luck; today\n") {
		t.Errorf("%s", table)
	}
}
