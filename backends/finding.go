package backends

import "context"

// Verdict is what an examination found.
type Verdict string

// The verdicts: all is well; something is worth knowing, or will hurt sometime;
// containers cannot run, or something was left behind.
const (
	Pass Verdict = "pass"
	Warn Verdict = "warn"
	Fail Verdict = "fail"
)

// Finding is one row of an examination of the host.
type Finding struct {
	// Check is what was examined, in a few words.
	Check   string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	// Looked is what was looked at, and what it was like.
	Looked string `json:"looked"`
	// Advice says what to do, with lines to paste if there are any; empty if
	// nothing is to be done.
	Advice string `json:"advice,omitempty"`
	// Fix removes what was found; nil where berth cannot or must not.
	Fix func(ctx context.Context) error `json:"-"`
}

// Examined is a Backend that can look into its part of the host.
type Diagnoser interface {
	// Examine looks, and changes nothing.
	Diagnose(ctx context.Context) []Finding
}
