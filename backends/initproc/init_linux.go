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

// wanted is the number of the init process's socket, or empty in any other berth.
var wanted = os.Getenv(socketVar)

func init() {
	if wanted != "" {
		// All that the init process does about itself is done on the thread whose
		// place the user's process takes.
		runtime.LockOSThread()
	}
}

// Main does not return in a process that Spawn has started, and does nothing in
// any other. It is the first thing that the program's main calls.
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

// run ends in the user's process, or returns an error while create still listens.
// Should create have gone, what it would have recorded must go too, so that
// the end of the connection is an error as well.
func run(c link.Conn) error {
	if offsets, ok := os.LookupEnv(timeVar); ok {
		if err := newTime(offsets, "self"); err != nil {
			return err
		}
	}
	// Nothing in the container may look at a process that runs berth.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl(PR_SET_DUMPABLE): %w", err)
	}
	if err := c.Await(link.AnswerEnclose); err != nil {
		return err
	}
	var plan Plan
	files, err := c.Receive(&plan)
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

// linger is how long the init process outlives a create that was killed while the
// enclosure was being made, having recorded the init process. LXC hangs for ever when the init that it is just
// starting ends, as all in the init process's pid namespace does with the init process; left
// alone it ends by itself, for its stub init finds nobody to report to.
const linger = 20 * time.Second

type initProcess struct {
	conn  link.Conn
	plan  *Plan
	files []*os.File
	// start is the listening socket.
	start int
	// prepared is what has the user's attributes, for hooks to be like it.
	prepared *process.Prepared
	// waiting is the process at whose gate the init process stands, if it is not to
	// become the user's process itself.
	waiting *Waiting
}

func (s *initProcess) file(i int) *os.File { return s.files[i] }

func (s *initProcess) fileOrNil(i int) *os.File {
	if i == None {
		return nil
	}
	return s.files[i]
}
