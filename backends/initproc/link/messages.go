package link

import "fmt"

// Event is what the first process tells create after it has its plan.
type Event struct {
	// Kind is one of the constants below.
	Kind string
	// Message says what failed.
	Message string `json:",omitempty"`
	// Pid comes with EventReady: the process that waits for start, another child
	// of create's, where it is not the one that speaks.
	Pid int `json:",omitempty"`
	// Reap comes with it: a child of create's that has borne that process and ended.
	Reap int `json:",omitempty"`
}

// The kinds of events.
const (
	EventHooks = "hooks" // the root is built; run the hooks of the runtime namespace
	EventReady = "ready" // only start is missing
	EventError = "error"
)

// What create answers.
const (
	AnswerEnclose = "raise" // before the plan: create has recorded the first process
	AnswerGo      = "go"    // the hooks have run
	AnswerFree    = "free"  // create has recorded the container and may end
)

// Await waits for create's answer.
func (c Conn) Await(want string) error {
	var got string
	if _, err := c.Receive(&got); err != nil {
		return fmt.Errorf("wait for create: %w", err)
	}
	if got != want {
		return fmt.Errorf("create sent %q where %q was due", got, want)
	}
	return nil
}
