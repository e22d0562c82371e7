package command

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
)

// commandEnv makes this test binary berth.
const commandEnv = "BERTH_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(commandEnv) == "" {
		os.Exit(m.Run())
	}
	logrus.SetOutput(os.Stderr)
	os.Args[0] = "berth"
	os.Exit(Run(os.Args))
}

// berth runs a command line in a process of its own, in an empty directory.
func berth(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return program(t, self, args...)
}

func program(t *testing.T, path string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), commandEnv+"=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	exit := new(exec.ExitError)
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// usageRows are command lines that fail or print something without a container. ROOT stands for a
// state directory that does not exist.
var usageRows = []struct {
	args   string
	status int
	want   string // within stderr, or stdout for status 0
	runc   int    // runc's exit status if it is another
}{
	{"", 0, "COMMANDS:", same},
	{"help", 0, "COMMANDS:", same},
	{"--help", 0, "COMMANDS:", same},
	{"--version", 0, "berth version ", same},
	{"create --help", 0, "--pid-file FILE", same},
	{"nosuch", 3, "", same},
	{"--nosuch list", 1, "flag provided but not defined: -nosuch", same},
	{"--log-format=x list", 1, `invalid log-format "x": must be text or json`, same},
	{"--log=/nowhere/log list", 1, "--log: open /nowhere/log: no such file or directory", same},
	{"--rootless=x list", 1, `invalid --rootless value "x": must be true, false or auto`, 0},
	{"--cgroup-manager=x list", 1, `invalid --cgroup-manager value "x": must be cgroupfs, systemd or disabled`, same},

	{"--root ROOT state", 1, `berth: "state" requires exactly 1 argument`, same},
	{"--root ROOT state a b", 1, `berth: "state" requires exactly 1 argument`, same},
	{"--root ROOT state nosuch", 1, "container does not exist", same},
	{"--root ROOT state .", 1, "invalid container ID format", same},
	{"--root ROOT state ../nosuch", 1, "invalid container ID format", same},
	{"--root ROOT start", 1, `berth: "start" requires exactly 1 argument`, same},
	{"--root ROOT start nosuch", 1, "container does not exist", same},
	{"--root ROOT start --all nosuch", 1, "flag provided but not defined: -all", same},
	{"--root ROOT kill", 1, `berth: "kill" requires a container ID and at most one signal`, same},
	{"--root ROOT kill a b c", 1, `berth: "kill" requires a container ID and at most one signal`, same},
	{"--root ROOT kill nosuch", 1, "container does not exist", same},
	{"--root ROOT kill nosuch NOSUCH", 1, `unknown signal "NOSUCH"`, same},
	{"--root ROOT kill nosuch 65", 1, `unknown signal "65": `, same},
	{"--root ROOT delete", 1, `berth: "delete" requires exactly 1 argument`, same},
	{"--root ROOT delete nosuch", 1, "container does not exist", same},
	{"--root ROOT delete --force nosuch", 0, "", same},
	{"--root ROOT delete -f nosuch", 0, "", same},
	{"--root ROOT delete nosuch --force", 0, "", same},
	{"--root ROOT exec", 1, `berth: "exec" requires a minimum of 1 argument`, same},
	{"--root ROOT exec nosuch", 255, `exec failed: container "nosuch": container does not exist`, same},
	{"--root ROOT exec nosuch ls", 255, `exec failed: container "nosuch": container does not exist`, same},
	{"--root ROOT exec --cgroup a:b nosuch ls", 255, `exec failed: invalid --cgroup argument "a:b": `, same},
	{"--root ROOT exec --preserve-fds=x nosuch ls", 1, `invalid value "x" for flag -preserve-fds`, same},
	{"--root ROOT list a", 1, `berth: "list" requires exactly 0 arguments`, same},
	{"--root ROOT list", 1, "list: --root: stat ", 0}, // runc 1.1 shows no containers
	{"--root / list --format=x", 1, `invalid format option "x": must be table or json`, same},
	{"--root ROOT ps", 1, `berth: "ps" requires a minimum of 1 argument`, same},
	{"--root ROOT ps nosuch", 1, "container does not exist", same},
	{"--root ROOT pause", 1, `berth: "pause" requires exactly 1 argument`, same},
	{"--root ROOT pause nosuch", 1, "container does not exist", same},
	{"--root ROOT resume", 1, `berth: "resume" requires exactly 1 argument`, same},
	{"--root ROOT resume nosuch", 1, "container does not exist", same},
	{"--root ROOT update", 1, `berth: "update" requires exactly 1 argument`, same},
	{"--root ROOT update nosuch", 1, "container does not exist", same},
	{"--root ROOT events", 1, `berth: "events" requires exactly 1 argument`, same},
	{"--root ROOT events nosuch", 1, "container does not exist", same},
	{"--root ROOT events --interval=0s nosuch", 1, "duration interval must be greater than 0", same},
	{"--root ROOT events --interval=x nosuch", 1, `invalid value "x" for flag -interval`, same},
	{"--root ROOT checkpoint", 1, `berth: "checkpoint" requires exactly 1 argument`, same},
	{"--root ROOT checkpoint nosuch", 1, "container does not exist", same},
	{"--root ROOT create", 1, `berth: "create" requires exactly 1 argument`, same},
	{"--root ROOT create new", 1, "config.json", same},
	{"--root ROOT create -b /nowhere new", 1, "/nowhere", same},
	{"--root ROOT run", 1, `berth: "run" requires exactly 1 argument`, same},
	{"--root ROOT run new", 1, "config.json", same},
	{"--root ROOT restore", 1, `berth: "restore" requires exactly 1 argument`, same},
	{"--root ROOT restore new", 1, "config.json", same},
	{"spec a", 1, `berth: "spec" requires exactly 0 arguments`, same},
	{"spec", 0, "", same},
	{"features a", 1, `berth: "features" requires exactly 0 arguments`, same},

	// What runc does not have.
	{"--root ROOT --backend=nosuch create new", 1, "", none},
	{"--config=/nowhere config", 1, "/nowhere", none},
	{"config a", 1, `berth: "config" requires exactly 0 arguments`, none},
	{"backends a", 1, `berth: "backends" requires exactly 0 arguments`, none},
	{"backends --format=x", 1, `invalid format option "x": must be table or json`, none},
	{"doctor a", 1, `berth: "doctor" requires exactly 0 arguments`, none},
	{"explain a b", 1, `berth: "explain" requires at most 1 argument, the directory of a bundle`, none},
	{"validate a b", 1, `berth: "validate" requires at most 1 argument, the directory of a bundle`, none},
	{"validate --backend=nosuch", 1, `backend "nosuch": this build of berth has no such backend`, none},
	{"pct", 1, `berth: "pct" requires a container ID and a subcommand of pct`, none},
	{"--root ROOT pct nosuch config", 1, "container does not exist", none},
	{"bundle", 1, `berth: "bundle" requires exactly 2 arguments, a source and the bundle to make`, none},
	{"bundle --to-ct a b", 1, `berth: "bundle" with --to-ct requires exactly 1 argument, a source`, none},
	{"bundle --vmid=5 a b", 1, "--vmid requires --to-ct", none},
	{"bundle --to-ct --tty a", 1, "--tty cannot be used with --to-ct: ", none},
	{"bundle --to-ct --backend=freebsd a", 1, "--to-ct: Proxmox VE supports only Linux CTs, not freebsd", none},
	{"bundle --backend=nosuch a b", 1, `backend "nosuch": this build of berth has no such backend`, none},
	{"bundle --platform=x a b", 1, "x", none},
	{"bundle --volumes=x a b", 1, `--volumes must be tmpfs or directory, not "x"`, none},
	{"bundle --annotation=x a b", 1, `--annotation must be KEY=VALUE, not "x"`, none},
	{"bundle --annotation==x a b", 1, `--annotation must be KEY=VALUE, not "=x"`, none},
	{"bundle --max-size=x a b", 1, `--max-size must be a number with a unit, such as 10G, not "x"`, none},
	{"bundle --max-file-size=0 a b", 1, `--max-file-size must be a number with a unit, such as 10G, not "0"`, none},
}

const (
	same = -1
	none = -2
)

// TestUsage runs berth and runc with command lines that need no container. An engine goes by the
// exit status, and by stderr.
func TestUsage(t *testing.T) {
	t.Parallel()
	for _, c := range usageRows {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			words := func() []string {
				return strings.Fields(strings.ReplaceAll(c.args, "ROOT", filepath.Join(t.TempDir(), "root")))
			}
			stdout, stderr, status := berth(t, words()...)
			if status != c.status {
				t.Errorf("exit status %d, want %d", status, c.status)
			}
			where := stderr
			if c.status == 0 {
				where = stdout
				if stderr != "" {
					t.Errorf("stderr: %s", stderr)
				}
			}
			if !strings.Contains(strings.ReplaceAll(where, `\"`, `"`), c.want) {
				t.Errorf("no %q in %q", c.want, where)
			}
			if c.status == 1 && strings.Count(stderr, "level=error") != 1 {
				t.Errorf("stderr: %q", stderr)
			}
			if c.runc == none {
				return
			}
			want := c.status
			if c.runc != same {
				want = c.runc
			}
			if out, errs, status := program(t, "runc", words()...); status != want {
				t.Errorf("runc exits with %d and not with %d: %s%s", status, want, out, errs)
			}
		})
	}
}

// TestUsageComplete checks that the table has each command, with too many arguments and with too
// few.
func TestUsageComplete(t *testing.T) {
	t.Parallel()
	for _, command := range App().Commands {
		n := 0
		for _, c := range usageRows {
			if c.status != 0 && strings.Contains(" "+c.args+" ", " "+command.Name+" ") {
				n++
			}
		}
		if n == 0 {
			t.Errorf("no row has a mistake in %s", command.Name)
		}
	}
}

// TestErrorLog checks where an error is written: to stderr, and with --log to the log as well.
func TestErrorLog(t *testing.T) {
	t.Parallel()
	const missing = "container \"nosuch\": container does not exist\n"
	log := filepath.Join(t.TempDir(), "log")
	_, stderr, status := berth(t, "--log", log, "--log-format=json", "--root", filepath.Join(t.TempDir(), "root"), "state", "nosuch")
	if status != 1 || stderr != missing {
		t.Errorf("status %d, %q", status, stderr)
	}
	text, err := os.ReadFile(log)
	if err != nil || strings.Count(string(text), "\n") != 1 || !strings.Contains(string(text), `"level":"error","msg":"container \"nosuch\": container does not exist"`) {
		t.Errorf("%q, %v", text, err)
	}
	// A second call appends, and debug lines are in the log only.
	_, stderr, _ = berth(t, "--debug", "--log", log, "--root", filepath.Join(t.TempDir(), "root"), "state", "nosuch")
	text, err = os.ReadFile(log)
	if stderr != missing || err != nil || strings.Count(string(text), "\n") < 2 || !strings.Contains(string(text), `level=error msg="container \"nosuch\": container does not exist"`) {
		t.Errorf("%q, %q, %v", stderr, text, err)
	}
}
