package initproc

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/spec"
)

// wanted is the number of the init process's socket. It is empty in every other berth process.
var wanted = os.Getenv(socketVar)

func init() {
	if wanted != "" {
		// The init process sets its own attributes on the main thread, which becomes the user's
		// process.
		runtime.LockOSThread()
	}
}

// Main does not return in a process that Spawn has started, and does nothing in any other process.
// The program's main function calls it first.
func Main() {
	if wanted == "" {
		return
	}
	socket, err := strconv.Atoi(wanted)
	if err != nil {
		fatal(fmt.Errorf("%s: %w", socketVar, err))
	}
	if text := os.Getenv(forkVar); text != "" {
		var cfg Config
		if err := json.Unmarshal([]byte(text), &cfg); err != nil {
			fatal(fmt.Errorf("%s: %w", forkVar, err))
		}
		forkSibling(socket, &cfg)
	}
	unix.CloseOnExec(socket)
	c := link.Conn{FD: socket}
	if os.Getenv(execVar) != "" {
		helpExec(c)
	}
	if os.Getenv(helloVar) != "" {
		if err := unix.Sendmsg(socket, []byte{1}, nil, nil, unix.MSG_NOSIGNAL); err != nil {
			fatal(err)
		}
	}
	_ = c.Send(link.Event{Kind: link.EventError, Message: spec.Shorten(run(c).Error())})
	os.Exit(1)
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "berth: the container's process:", err)
	os.Exit(1)
}

// run ends in the user's process, or returns an error while create still reads. The end of the
// connection is an error too: create is gone, so the process that it would have recorded must end.
func run(c link.Conn) error {
	if offsets, ok := os.LookupEnv(timeVar); ok {
		if err := newTime(offsets, "self"); err != nil {
			return err
		}
	}
	// No process in the container may inspect a process that runs berth.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl(PR_SET_DUMPABLE): %w", err)
	}
	if err := c.Await(link.AnswerEnclose); err != nil {
		return err
	}
	var plan Plan
	files, err := c.ReceiveFiles(&plan)
	if err != nil {
		if errors.Is(err, link.ErrPeerGone) {
			time.Sleep(linger)
		}
		return fmt.Errorf("receive the plan: %w", err)
	}
	s := &initProcess{conn: c, plan: &plan, files: files}
	if err := s.joinEnclosure(); err != nil {
		return err
	}
	launch, pid, err := s.build()
	if err == nil {
		err = s.needFiles()
	}
	if err != nil {
		return err
	}
	ready := link.Event{Kind: link.EventReady, Pid: pid}
	if s.waiting != nil {
		ready.Reap = s.waiting.first
	}
	if err := c.Send(ready); err != nil {
		return err
	}
	if err := c.Await(link.AnswerFree); err != nil {
		return err
	}
	c.Close()
	return s.serve(launch)
}

// linger is how long the init process outlives a create that was killed after it had recorded the
// init process, while LXC was starting. If the init process ends, so does everything in its pid
// namespace, and LXC hangs forever if the init that it is starting ends at that moment. Left alone,
// LXC's start ends by itself, because the stub init finds that nobody listens.
const linger = 20 * time.Second

type initProcess struct {
	conn  link.Conn
	plan  *Plan
	files []*os.File
	// start is the listening socket.
	start int
	// prepared has the user's attributes. Hooks run with them.
	prepared *process.Prepared
	// waiting is the user's process, which waits on its sync socket, if the init process is a
	// parked init.
	waiting *Waiting
}

func (s *initProcess) file(i int) *os.File { return s.files[i] }

func (s *initProcess) fileOrNil(i int) *os.File {
	if i == None {
		return nil
	}
	return s.files[i]
}
