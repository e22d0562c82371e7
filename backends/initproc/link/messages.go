package link

import "fmt"

// Event is what the first process tells create after it has received its plan.
type Event struct {
	// Kind is one of the constants below.
	Kind string
	// Message says what failed.
	Message string `json:",omitempty"`
	// Pid comes with EventReady: the process that waits for start, if it is another child of create
	// than the sender.
	Pid int `json:",omitempty"`
	// Reap comes with EventReady: a child of create that has forked that process and ended.
	Reap int `json:",omitempty"`
}

// The kinds of events.
const (
	EventHooks = "hooks" // the root is built; create runs the hooks of the runtime namespace
	EventReady = "ready" // only start is missing
	EventError = "error"
)

// The answers of create.
const (
	AnswerEnclose = "enclose" // before the plan: create has recorded the first process
	AnswerGo      = "go"      // the hooks have run
	AnswerFree    = "free"    // create has recorded the container and may end
)

// Await waits for create's answer, and fails if it is not want.
func (c Conn) Await(want string) error {
	var got string
	if err := c.Receive(&got); err != nil {
		return fmt.Errorf("wait for create: %w", err)
	}
	if got != want {
		return fmt.Errorf("create sent %q instead of %q", got, want)
	}
	return nil
}
