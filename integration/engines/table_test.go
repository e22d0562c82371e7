//go:build linux

package engines

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
)

// results holds the result of every test with every runtime.
var results table

type table struct {
	mu      sync.Mutex
	rows    []string
	columns []string
	cells   map[[2]string]string
}

func (x *table) record(row, column string, t *testing.T) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cells == nil {
		x.cells = map[[2]string]string{}
	}
	if !slices.Contains(x.rows, row) {
		x.rows = append(x.rows, row)
	}
	if !slices.Contains(x.columns, column) {
		x.columns = append(x.columns, column)
	}
	x.cells[[2]string{row, column}] = "ok"
	if t.Failed() {
		x.cells[[2]string{row, column}] = "FAIL"
	}
}

// print writes one line per test and one column per runtime.
func (x *table) print(w io.Writer) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.rows) == 0 {
		return
	}
	widest := 0
	for _, r := range x.rows {
		widest = max(widest, len(r))
	}
	fmt.Fprintf(w, "\n%-*s", widest, "")
	for _, c := range x.columns {
		fmt.Fprintf(w, "  %s", c)
	}
	failed := map[string]int{}
	slices.Sort(x.rows)
	for _, r := range x.rows {
		fmt.Fprintf(w, "\n%-*s", widest, r)
		for _, c := range x.columns {
			cell := x.cells[[2]string{r, c}]
			fmt.Fprintf(w, "  %-*s", len(c), cell)
			if cell == "FAIL" {
				failed[c]++
			}
		}
	}
	fmt.Fprintf(w, "\n%-*s", widest, fmt.Sprintf("%d tests, failed:", len(x.rows)))
	for _, c := range x.columns {
		fmt.Fprintf(w, "  %-*d", len(c), failed[c])
	}
	fmt.Fprintln(w)
}

// differences returns the tests whose results differ between the two runtimes of a pair, for each
// engine and cgroup manager with which both were used. A pair that shares no test counts as a
// difference, too.
func (x *table) differences(pairs [][2]string) []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var list []string
	for _, pair := range pairs {
		compared := 0
		for _, a := range x.columns {
			name, manager := split(a)
			b := pair[1] + manager
			if name != pair[0] || !slices.Contains(x.columns, b) {
				continue
			}
			for _, row := range x.rows {
				got, want := x.cells[[2]string{row, b}], x.cells[[2]string{row, a}]
				if got == "" || want == "" {
					continue
				}
				compared++
				if got != want {
					list = append(list, fmt.Sprintf("%s: %s with %s, %s with %s", row, want, a, got, b))
				}
			}
		}
		if compared == 0 && len(x.rows) > 0 {
			list = append(list, fmt.Sprintf("%s and %s share no test", pair[0], pair[1]))
		}
	}
	return list
}

// split cuts a column's name into the runtime and the rest, which begins with its slash.
func split(column string) (runtime, manager string) {
	if i := strings.IndexByte(column, '/'); i >= 0 {
		return column[:i], column[i:]
	}
	return column, ""
}

// excused is true if something failed, but only tests that a peer failed: with the peer itself, or
// with the runtime that -same compares with it.
func (x *table) excused(peers []string, pairs [][2]string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	failed := 0
	for at, cell := range x.cells {
		if cell != "FAIL" {
			continue
		}
		failed++
		runtime, manager := split(at[1])
		if slices.Contains(peers, runtime) {
			continue
		}
		if !slices.ContainsFunc(pairs, func(p [2]string) bool {
			return p[1] == runtime && slices.Contains(peers, p[0]) && x.cells[[2]string{at[0], p[0] + manager}] == "FAIL"
		}) {
			return false
		}
	}
	return failed > 0
}

// test is one row of the table.
type test[E any] struct {
	name string
	run  func(t *testing.T, engine E)
}

// column runs a suite's tests for one runtime in parallel, calls the clear functions, and then
// fails if anything is left on the host.
func column[E any](t *testing.T, suite, name string, engine func(t *testing.T) E, tests []test[E], clear ...func()) {
	t.Run(name, func(t *testing.T) {
		before := look(t)
		t.Run("tests", func(t *testing.T) {
			for _, c := range tests {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					t.Cleanup(func() { results.record(suite+": "+c.name, name, t) })
					c.run(t, engine(t))
				})
			}
		})
		for _, f := range clear {
			f()
		}
		t.Run("nothing left", func(t *testing.T) {
			defer func() { results.record(suite+": nothing left", name, t) }()
			before.same(t)
		})
	})
}
