package backends

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
)

// TestCommandLine checks command lines as people read them, and that a shell reads the same words,
// whatever is in them.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	for want, words := range map[string][]string{
		"":                     nil,
		"''":                   {""},
		"mount -t tmpfs /d":    {"mount", "-t", "tmpfs", "/d"},
		"a=b,c:d@e%f+g {pid}":  {"a=b,c:d@e%f+g", "{pid}"},
		`sh -c 'echo it'\''s'`: {"sh", "-c", "echo it's"},
		`'*' '~' '$HOME' 'ä'`:  {"*", "~", "$HOME", "ä"},
		"'a\nb' '#c' '!' '\\'": {"a\nb", "#c", "!", "\\"},
	} {
		if got := CommandLine(words...); got != want {
			t.Errorf("%q: %s, want %s", words, got, want)
		}
	}
	const alphabet = "ab'\"\\$`*?[]{}()<>|&;!#~ \t\n=-%äé\x01\x7f"
	runes := []rune(alphabet)
	random := rand.New(rand.NewPCG(1, 2))
	var words []string
	for range 300 {
		var w strings.Builder
		for range random.IntN(6) {
			w.WriteRune(runes[random.IntN(len(runes))])
		}
		words = append(words, w.String())
	}
	out, err := exec.Command("/bin/sh", "-c", "printf '%s\\0' "+CommandLine(words...)).Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	if !slices.Equal(got, words) {
		t.Errorf("a shell reads %q\nfor %q", got, words)
	}
}

func TestExplanation(t *testing.T) {
	t.Parallel()
	var x Explanation
	x.Add("nothing")
	x.Add("one", Line{Text: "a", From: "process"})
	x.Add("two", []Line{{Text: "b"}, {Text: "c"}}...)
	want := Explanation{{"one", []Line{{"a", "process"}}}, {"two", []Line{{Text: "b"}, {Text: "c"}}}}
	if !reflect.DeepEqual(x, want) {
		t.Errorf("%+v", x)
	}
	data, err := json.Marshal(x)
	if err != nil || string(data) != `[{"title":"one","lines":[{"text":"a","from":"process"}]},{"title":"two","lines":[{"text":"b"},{"text":"c"}]}]` {
		t.Errorf("%s, %v", data, err)
	}
}

// TestCannotStart checks that an engine does not take the words for those about a container's
// program, and that the kind of error can still be told.
func TestCannotStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string
		is   error
	}{
		{&os.PathError{Op: "fork/exec", Path: "/bin/x", Err: syscall.ENOENT}, "the program /bin/x cannot be started: ", fs.ErrNotExist},
		{&os.PathError{Op: "fork/exec", Path: "/bin/x", Err: syscall.EACCES}, "the program /bin/x cannot be started: ", fs.ErrPermission},
		{syscall.EPERM, "the program /bin/x cannot be started: ", fs.ErrPermission},
		{syscall.ENOEXEC, "the program /bin/x cannot be started: exec format error", syscall.ENOEXEC},
		{syscall.ENOMEM, "the program /bin/x cannot be started: ", syscall.ENOMEM},
	} {
		err := CannotStart("/bin/x", c.err)
		if !strings.HasPrefix(err.Error(), c.want) || !errors.Is(err, c.is) {
			t.Errorf("%v: %v", c.err, err)
		}
		missing := new(Missing)
		if errors.As(err, &missing) != (c.is == fs.ErrNotExist || c.is == fs.ErrPermission) {
			t.Errorf("%v: %T", c.err, err)
		}
		if words := engineWords.FindString(err.Error()); words != "" {
			t.Errorf("an engine takes %q in %q for the container's program", words, err)
		}
	}
}

func TestTool(t *testing.T) {
	t.Parallel()
	for want, tool := range map[string]Tool{
		"kernel 6.1": {Name: "kernel", Version: "6.1"}, "runc": {Name: "runc"}, "runc (/bin/runc)": {Name: "runc", Path: "/bin/runc"}, "runc 1.2 (/bin/runc)": {"runc", "/bin/runc", "1.2"},
	} {
		if got := tool.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestState(t *testing.T) {
	t.Parallel()
	c := &Container{ID: "x", OCIVersion: "1.0.2", Bundle: "/b", Annotations: map[string]string{"a": "b"}, Process: Process{Pid: 5, StartTime: 6}}
	for status, pid := range map[specs.ContainerState]int{specs.StateCreating: 5, specs.StateCreated: 5, specs.StateRunning: 5, "paused": 5, specs.StateStopped: 0} {
		want := specs.State{Version: specs.Version, ID: "x", Status: status, Pid: pid, Bundle: "/b", Annotations: c.Annotations}
		if got := c.State(status); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", status, got)
		}
	}
}

// TestRecordFields checks what a record has and what it does not have: where it was found and the
// lock belong to this process alone.
func TestRecordFields(t *testing.T) {
	t.Parallel()
	c := Container{ID: "x", Root: "/r", Dir: "/r/x", Lock: os.Stdin, Created: time.Unix(0, 0).UTC()}
	data, err := json.Marshal(c)
	if want := `{"id":"x","ociVersion":"","backend":"","bundle":"","rootfs":"","created":"1970-01-01T00:00:00Z","owner":"","complete":false,"process":{}}`; err != nil || string(data) != want {
		t.Errorf("%s, %v", data, err)
	}
	c.Creator, c.Runner, c.Owed, c.Hooks = Process{2, 3}, Process{4, 5}, &Owed{}, &LaterHooks{}
	if data, err = json.Marshal(c); err != nil || !strings.Contains(string(data), `"creator":{"pid":2,"startTime":3},"runner":{"pid":4,"startTime":5},"hooks":{},"owed":{"since":"0001-01-01T00:00:00Z"}`) {
		t.Errorf("%s, %v", data, err)
	}
	var again Container
	if err := json.Unmarshal(data, &again); err != nil || again.Creator != c.Creator || again.Owed == nil || again.Lock != nil || again.Root != "" {
		t.Errorf("%+v, %v", again, err)
	}
}

// TestStatsJSON checks the fields that containerd's shim and podman read (runc's types/events.go).
func TestStatsJSON(t *testing.T) {
	t.Parallel()
	var s Stats
	data, err := json.Marshal(&s)
	want := `{"cpu":{"usage":{"kernel":0,"user":0},"throttling":{}},` +
		`"cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,"sched_relax_domain_level":0},` +
		`"memory":{"usage":{"limit":0,"failcnt":0},"swap":{"limit":0,"failcnt":0},"kernel":{"limit":0,"failcnt":0},"kernelTCP":{"limit":0,"failcnt":0}},` +
		`"pids":{},"blkio":{},"hugetlb":null,"intel_rdt":{},"network_interfaces":null}`
	if err != nil || string(data) != want {
		t.Errorf("%s, %v\nwant: %s", data, err, want)
	}
	s.CPU.Usage.Total, s.Pids.Limit, s.Memory.Usage.Max = 1, 2, 3
	s.BlockIO.Bytes = []BlockIOEntry{{Major: 8, Op: "Read", Value: 4}}
	s.CPU.PSI = &Pressure{Some: PressureData{Avg10: 1.5, Total: 6}}
	data, err = json.Marshal(&s)
	for _, want := range []string{`"total":1`, `"limit":2`, `"max":3`, `"ioServiceBytesRecursive":[{"major":8,"op":"Read","value":4}]`, `"psi":{"some":{"avg10":1.5,"avg60":0,"avg300":0,"total":6}`} {
		if err != nil || !strings.Contains(string(data), want) {
			t.Errorf("no %s in %s, %v", want, data, err)
		}
	}
}

// TestCalled checks the debug log of calls.
func TestCalled(t *testing.T) {
	logger := logrus.StandardLogger()
	out, level := logger.Out, logger.Level
	defer func() { logger.SetOutput(out); logger.SetLevel(level) }()
	var text bytes.Buffer
	logger.SetOutput(&text)
	logger.SetLevel(logrus.InfoLevel)
	Called([]string{"pct", "create"}, time.Now(), 0)
	if text.Len() > 0 {
		t.Errorf("%s", text.String())
	}
	logger.SetLevel(logrus.DebugLevel)
	Called([]string{"pct", "a b"}, time.Now().Add(-1500*time.Millisecond), 3)
	for _, want := range []string{`command="pct 'a b'"`, "duration=1.5", "level=debug", "status=3"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %s in %s", want, fmt.Sprint(text.String()))
		}
	}
}
