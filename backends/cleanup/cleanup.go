// Package cleanup undoes the steps of an operation that has failed.
package cleanup

import (
	"errors"
	"slices"
)

// Stack holds what undoes the steps that an operation has taken so far. An operation adds to it
// with each step, calls Clean if a later step fails, and Release if none does:
//
//	undo := cleanup.Make(removeDir)
//	defer undo.Clean()
//	…
//	undo.Add(unmount)
//	…
//	undo.Release()
//
// The zero value is an empty Stack. A Stack is for one goroutine.
type Stack struct{ steps []func() error }

// Make returns a Stack with one function in it.
func Make(undo func() error) Stack { return Stack{[]func() error{undo}} }

// Add puts a function on top of the stack. Clean calls it before all that are in the stack already.
func (s *Stack) Add(undo func() error) { s.steps = append(s.steps, undo) }

// Clean calls the functions, the last one first, and empties the stack. It calls each one, even if
// another has failed, and returns all their errors, joined in the order of the calls. After Clean or
// Release it does nothing and returns nil.
func (s *Stack) Clean() error {
	steps := s.steps
	s.steps = nil
	var errs []error
	for _, undo := range slices.Backward(steps) {
		errs = append(errs, undo())
	}
	return errors.Join(errs...)
}

// Release empties the stack without calling the functions: the operation has succeeded.
func (s *Stack) Release() { s.steps = nil }
