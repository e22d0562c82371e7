package backends

import "context"

// Verdict is the result of one check of the host.
type Verdict string

// The verdicts. Pass means that all is well. Warn means that something is worth knowing, or will
// cause trouble at some time. Fail means that containers cannot run, or that something was left
// behind.
const (
	Pass Verdict = "pass"
	Warn Verdict = "warn"
	Fail Verdict = "fail"
)

// Finding is what one check of the host found, one row of the report.
type Finding struct {
	// Check names what was checked, in a few words.
	Check   string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	// Looked says what was looked at, and in which state it was.
	Looked string `json:"looked"`
	// Advice says what to do, with lines to paste if there are any. It is empty if there is nothing
	// to do.
	Advice string `json:"advice,omitempty"`
	// Fix removes what was found. It is nil if berth cannot or must not remove it.
	Fix func(ctx context.Context) error `json:"-"`
}

// Diagnoser is a Backend that can check its part of the host.
type Diagnoser interface {
	// Diagnose runs the checks. It changes nothing.
	Diagnose(ctx context.Context) []Finding
}
