//go:build linux && integration

package conformance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// difference is a fact on which a berth backend agrees with neither runc nor crun.
type difference struct {
	trial, key, runtime string
	ours, runc, crun    string
}

// TestDifferential makes a container with every runtime for each trial, and compares what it is
// like inside. A fact is right if it is as under runc, or as under crun where those two differ.
// Every other fact needs a written reason.
func TestDifferential(t *testing.T) {
	prepareGround(t)
	list := trials()
	outcomes := runTrials(t, list)
	found := differences(list, outcomes)
	report(t, explain(t, found, accepted), outcomes, list)
	checkDocs(t, list, outcomes, found)
}

// differences returns the differences of all backends under test in all trials.
func differences(list []trial, outcomes []map[string]outcome) (found []difference) {
	for i, c := range list {
		of := outcomes[i]
		if len(of) == 0 {
			continue
		}
		for _, ours := range backendsUnderTest() {
			found = append(found, compare(c.name, ours, of, outcomes[0])...)
		}
	}
	return found
}

// backendsUnderTest returns the runtimes of -runtimes that make their containers with berth's own
// code.
func backendsUnderTest() []string {
	return slices.DeleteFunc(strings.Split(*runtimes, ","), func(s string) bool { return !isOurs(s) })
}

// runTrials makes the containers of all trials, four at a time. It returns the outcomes by trial
// and runtime. A trial that -only or -every leaves out has none, but the first trial is always
// made.
func runTrials(t *testing.T, list []trial) []map[string]outcome {
	t.Helper()
	outcomes := make([]map[string]outcome, len(list))
	var lock sync.Mutex
	var group sync.WaitGroup
	slots := make(chan struct{}, 4)
	for i, c := range list {
		outcomes[i] = map[string]outcome{}
		if (!strings.Contains(c.name, *only) || i%*every > 0) && i > 0 {
			continue
		}
		for _, runtime := range strings.Split(*runtimes, ",") {
			slots <- struct{}{}
			group.Go(func() {
				defer func() { <-slots }()
				o := c.run(t, i, runtime)
				lock.Lock()
				defer lock.Unlock()
				outcomes[i][runtime] = o
			})
		}
	}
	group.Wait()
	return outcomes
}

// compare returns the facts that are neither as under runc nor as under crun. It uses only those of
// the two that had the same outcome as berth. If neither had, the outcome is the only difference.
// compare skips a fact that the trial changed on neither side, because the first trial, the usual
// container, covers it.
func compare(trial, ours string, of, usual map[string]outcome) (list []difference) {
	c := of[ours].facts
	var measures []string
	for _, measure := range []string{"runc", "crun"} {
		if of[measure].facts["outcome"] == c["outcome"] {
			measures = append(measures, measure)
		}
	}
	entry := func(key string) difference {
		return difference{trial, key, ours, c[key], of["runc"].facts[key], of["crun"].facts[key]}
	}
	if len(measures) == 0 {
		return []difference{entry("outcome")}
	}
	keys := map[string]bool{}
	for _, facts := range []map[string]string{of["runc"].facts, of["crun"].facts, c} {
		for key := range maps.Keys(facts) {
			keys[key] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !slices.ContainsFunc(measures, func(measure string) bool {
			m, before := of[measure].facts, usual[measure].facts
			return c[key] == m[key] || trial != "usual" && c[key] == usual[ours].facts[key] && m[key] == before[key]
		}) {
			list = append(list, entry(key))
		}
	}
	return list
}

// explain returns the differences that have no reason. It fails the test for a reason that explains
// nothing.
func explain(t *testing.T, found []difference, accepted []acceptance) (left []difference) {
	t.Helper()
	used := map[int]bool{}
	for _, d := range found {
		i := slices.IndexFunc(accepted, d.isMeantBy)
		if i < 0 {
			left = append(left, d)
		}
		used[i] = true
	}
	for i, a := range accepted {
		if !used[i] && *only == "" && *every == 1 && (a.runtime == "" || slices.Contains(backendsUnderTest(), a.runtime)) {
			t.Errorf("a reason for nothing: %q in %q", a.keys, a.trials)
		}
	}
	return left
}

// report fails the test for each difference. A difference that many trials share is reported once.
func report(t *testing.T, left []difference, outcomes []map[string]outcome, list []trial) {
	t.Helper()
	same := map[string][]string{}
	for _, d := range left {
		text := fmt.Sprintf("%s, %s:\n  is   %q\n  runc %q\n  crun %q", d.runtime, d.key, d.ours, d.runc, d.crun)
		if d.key == "outcome" {
			i := slices.IndexFunc(list, func(c trial) bool { return c.name == d.trial })
			for _, runtime := range []string{d.runtime, "runc", "crun"} {
				text += "\n  " + runtime + " says " + outcomes[i][runtime].stderr
			}
		}
		same[text] = append(same[text], d.trial)
	}
	for _, text := range slices.Sorted(maps.Keys(same)) {
		trials := same[text]
		t.Errorf("%s\n  in %d trials: %s", text, len(trials), strings.Join(trials[:min(4, len(trials))], "; "))
	}
}
