package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"
)

// script is what the first process does with its end of the connection. A string is an answer that
// it waits for, and ErrPeerGone the end that it waits for. It sends anything else: []byte as it is,
// other values as messages.
type script []any

func (s script) play(c Conn) error {
	for i, step := range s {
		var err error
		switch step := step.(type) {
		case string:
			err = c.Await(step)
		case error:
			var v any
			if err = c.Receive(&v); errors.Is(err, step) {
				err = nil
			} else {
				err = fmt.Errorf("%v arrived (%v), not %w", v, err, step)
			}
		case []byte:
			err = c.write(step)
		default:
			err = c.Send(step)
		}
		if err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// firstProcess calls first in place of a first process and closes its end of the connection then.
// The Host that it returns has a pid that is no child's. wait closes the Host's end, and waits for
// the end of first.
func firstProcess(t *testing.T, first func(Conn) error) (h *Host, wait func()) {
	t.Helper()
	host, inside, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		err := first(inside)
		inside.Close()
		done <- err
	}()
	return &Host{Conn: host, Pid: noChild}, func() {
		t.Helper()
		host.Close()
		if err := <-done; err != nil {
			t.Errorf("the first process: %v", err)
		}
	}
}

const (
	// noChild is more than any pid (proc_sys_kernel(5), pid_max).
	noChild = 1 << 30
	// ended is the error of a first process of which nothing is known but that it has gone.
	ended = "the container's process ended while it was being created"
)

var (
	errHook = errors.New("createRuntime hook 0: exit status 1")
	// oversized is the header of a message that is longer than any may be.
	oversized = binary.LittleEndian.AppendUint64(nil, maxMessage+1)
	// cut is the begin of a message of nine bytes.
	cut = append(binary.LittleEndian.AppendUint64(nil, 9), '{')
)

// say returns what err says, and "" for nil.
func say(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestPrepare(t *testing.T) {
	t.Parallel()
	hooks, ready := Event{Kind: EventHooks}, Event{Kind: EventReady}
	for name, c := range map[string]struct {
		first     script
		hook      error
		want      string // "" for no error
		calls     int    // of the hooks
		pid, reap int    // 0 for those of before
	}{
		"ready at once":         {first: script{ready}},
		"hooks and ready":       {first: script{hooks, AnswerGo, ready}, calls: 1},
		"hooks twice":           {first: script{hooks, AnswerGo, hooks, AnswerGo, ready}, calls: 2},
		"another process":       {first: script{Event{Kind: EventReady, Pid: 12, Reap: 11}}, pid: 12, reap: 11},
		"nothing but to reap":   {first: script{Event{Kind: EventReady, Reap: 11}}},
		"an error":              {first: script{Event{Kind: EventError, Message: "mounts[3]: no"}}, want: "mounts[3]: no"},
		"an error after hooks":  {first: script{hooks, AnswerGo, Event{Kind: EventError, Message: "pivot"}}, want: "pivot", calls: 1},
		"a hook fails":          {first: script{hooks, ErrPeerGone}, hook: errHook, want: errHook.Error(), calls: 1},
		"gone at once":          {want: ended},
		"gone before the hooks": {first: script{hooks}, want: ended, calls: 1},
		"gone after the hooks":  {first: script{hooks, AnswerGo}, want: ended, calls: 1},
		"gone within a message": {first: script{cut}, want: ended},
		"an unknown kind":       {first: script{Event{Kind: "reboot"}}, want: `the container's process sent an unknown message "reboot"`},
		"no kind":               {first: script{Event{Pid: 1}}, want: `the container's process sent an unknown message ""`},
		"a pid in words": {first: script{map[string]any{"Kind": "ready", "Pid": "1"}},
			want: "talk to the container's process: json: cannot unmarshal string into Go struct field Event.Pid of type int"},
		"no object": {first: script{[]int{1}},
			want: "talk to the container's process: json: cannot unmarshal array into Go value of type link.Event"},
		"an endless message": {first: script{oversized},
			want: "talk to the container's process: message of 67108865 bytes: at most 67108864 are allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, wait := firstProcess(t, func(conn Conn) error {
				var plan []string
				files, err := conn.ReceiveFiles(&plan)
				closeAll(files)
				if err == nil && (!slices.Equal(plan, []string{"the", "plan"}) || len(files) != 2) {
					err = fmt.Errorf("the plan is %v with %d files", plan, len(files))
				}
				if err != nil {
					return err
				}
				return c.first.play(conn)
			})
			calls := 0
			err := h.Prepare([]string{"the", "plan"}, []*os.File{os.Stdin, os.Stdout}, func() error {
				calls++
				return c.hook
			})
			wait()
			if say(err) != c.want {
				t.Errorf("Prepare: %v\nwant: %s", err, c.want)
			}
			if calls != c.calls {
				t.Errorf("the hooks were called %d times, want %d", calls, c.calls)
			}
			if c.pid == 0 {
				c.pid = noChild
			}
			if h.Pid != c.pid || h.Reap != c.reap {
				t.Errorf("process %d, to reap %d, want %d and %d", h.Pid, h.Reap, c.pid, c.reap)
			}
			if gone := new(EndedError); (c.want == ended) != errors.As(err, &gone) {
				t.Errorf("%T", err)
			}
		})
	}
}

// TestAnswers checks what create says to the first process beside Prepare, and what it makes of the
// first process's answers.
func TestAnswers(t *testing.T) {
	t.Parallel()
	failed := Event{Kind: EventError, Message: "linux.sysctl: no"}
	for name, c := range map[string]struct {
		call  func(*Host) error
		first script
		want  string
	}{
		"Enclose":                    {call: (*Host).Enclose, first: script{AnswerEnclose, ErrPeerGone}},
		"Free":                       {call: (*Host).Free, first: script{AnswerFree}},
		"Free, an error":             {call: (*Host).Free, first: script{AnswerFree, failed}, want: failed.Message},
		"Free, a kind of its own":    {call: (*Host).Free, first: script{AnswerFree, Event{Kind: EventReady}}, want: `the container's process sent an unexpected message "ready"`},
		"Free, not JSON":             {call: (*Host).Free, first: script{AnswerFree, oversized}, want: "talk to the container's process: message of 67108865 bytes: at most 67108864 are allowed"},
		"Release":                    {call: (*Host).Release, first: script{AnswerFree}},
		"Release, an error":          {call: (*Host).Release, first: script{AnswerFree, failed}, want: failed.Message},
		"Release, a kind of its own": {call: (*Host).Release, first: script{AnswerFree, Event{Kind: EventReady}}, want: `the container's process sent an unexpected message "ready"`},
		"Release, not JSON":          {call: (*Host).Release, first: script{AnswerFree, oversized}, want: "talk to the container's process: message of 67108865 bytes: at most 67108864 are allowed"},
		"Said, an error":             {call: (*Host).Said, first: script{failed}, want: failed.Message},
		"Said, a kind of its own":    {call: (*Host).Said, first: script{Event{Kind: EventReady}}, want: `the container's process sent an unexpected message "ready"`},
		"Said, nothing":              {call: (*Host).Said, want: ended},
		"Said, not JSON":             {call: (*Host).Said, first: script{oversized}, want: "talk to the container's process: message of 67108865 bytes: at most 67108864 are allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, wait := firstProcess(t, c.first.play)
			err := c.call(h)
			wait()
			if say(err) != c.want {
				t.Errorf("%v\nwant: %s", err, c.want)
			}
		})
	}
}

// TestGone calls everything that create sends to a first process that has gone.
func TestGone(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(*Host) error{
		"Enclose": (*Host).Enclose, "Free": (*Host).Free, "Release": (*Host).Release, "Said": (*Host).Said,
		"Prepare":            func(h *Host) error { return h.Prepare("", nil, nil) },
		"Prepare with files": func(h *Host) error { return h.Prepare("", []*os.File{os.Stdin}, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host, inside, err := Pair()
			if err != nil {
				t.Fatal(err)
			}
			inside.Close()
			defer host.Close()
			gone := new(EndedError)
			if err := call(&Host{Conn: host, Pid: noChild}); !errors.As(err, &gone) || err.Error() != ended {
				t.Errorf("%T %v", err, err)
			}
		})
	}
}

// TestEnded checks what is said about first processes that have ended in all ways, and that a
// process is not waited for twice.
func TestEnded(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"exit 0":             "the container's process ended with status 0 while it was being created",
		"exit 41":            "the container's process ended with status 41 while it was being created",
		"kill -KILL $$":      "the container's process was killed by signal 9 (killed) while it was being created",
		"kill -TERM $$":      "the container's process was killed by signal 15 (terminated) while it was being created",
		"sleep 0.05; exit 3": "the container's process ended with status 3 while it was being created",
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			h, _ := firstProcess(t, script{}.play)
			h.Pid = shell(t, command)
			defer h.Conn.Close()
			for range 2 {
				if err := h.Said(); err.Error() != want {
					t.Errorf("%v\nwant: %s", err, want)
				}
			}
		})
	}
}

// shell starts a shell command and returns its pid. The test waits for it.
func shell(t *testing.T, command string) int {
	t.Helper()
	p, err := os.StartProcess("/bin/sh", []string{"sh", "-c", command}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Release()
	return p.Pid
}

func TestStatus(t *testing.T) {
	t.Parallel()
	h := &Host{Pid: shell(t, "exec sleep 1000")}
	if _, ok := h.Status(20 * time.Millisecond); ok {
		t.Error("the process has ended")
	}
	if err := syscall.Kill(h.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	status, ok := h.Status(time.Minute)
	if !ok || status.Signal() != syscall.SIGKILL {
		t.Errorf("status %#x, %t", status, ok)
	}
	// Prepare makes another process the one that counts.
	h.Pid = shell(t, "exit 7")
	if status, ok = h.Status(time.Minute); !ok || status.ExitStatus() != 7 {
		t.Errorf("the second process: status %#x, %t", status, ok)
	}
	h.Pid = noChild
	before := time.Now()
	if status, ok = h.Status(time.Minute); ok || time.Since(before) > time.Minute/2 {
		t.Errorf("no child: status %#x, %t, after %v", status, ok, time.Since(before))
	}
}

func TestAwait(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		create script
		want   string
	}{
		"the answer":   {create: script{[]byte("\x04\x00\x00\x00\x00\x00\x00\x00\"go\"")}},
		"another one":  {create: script{[]byte("\x06\x00\x00\x00\x00\x00\x00\x00\"free\"")}, want: `create sent "free" instead of "go"`},
		"no text":      {create: script{Event{}}, want: "wait for create: json: cannot unmarshal object into Go value of type string"},
		"gone":         {want: "wait for create: the other end has closed the connection"},
		"gone halfway": {create: script{cut}, want: "wait for create: the other end has closed the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, wait := firstProcess(t, c.create.play)
			err := h.Conn.Await(AnswerGo)
			wait()
			if say(err) != c.want {
				t.Errorf("%v\nwant: %s", err, c.want)
			}
		})
	}
}
