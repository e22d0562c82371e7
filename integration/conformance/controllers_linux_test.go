//go:build linux && integration

package conformance

import "testing"

// TestControllers is TestDifferential for the fields that need cgroup controllers and AppArmor, on
// a host that has them.
func TestControllers(t *testing.T) {
	prepareGround(t)
	loadProfile(t)
	list := append([]trial{{"usual", func(*config) {}}}, append(resourceTrials(), apparmorTrials()...)...)
	outcomes := runTrials(t, list)
	if *only == "" && *every == 1 {
		wantControllers(t, list, outcomes)
	}
	report(t, explain(t, differences(list, outcomes), acceptedWithControllers), outcomes, list)
}

// wantControllers fails if nothing was compared: every setting must have at least two values among
// the containers' cgroups. It logs each trial that a backend refuses.
func wantControllers(t *testing.T, list []trial, outcomes []map[string]outcome) {
	t.Helper()
	for _, ours := range backendsUnderTest() {
		for _, name := range []string{"cpu.max", "cpu.weight", "cpu.idle", "io.max", "memory.max", "memory.low", "memory.high", "memory.swap.max", "pids.max"} {
			seen := map[string]bool{}
			for i := range list {
				// A container that was refused, or that mounts no cgroup, has no such fact.
				if value, ok := outcomes[i][ours].facts["cgroup "+name]; ok {
					seen[value] = true
				}
			}
			if len(seen) < 2 {
				t.Errorf("%s: %s is the same in all containers: %v", ours, name, seen)
			}
		}
		for i, c := range list {
			if o := outcomes[i][ours]; o.refused() {
				t.Logf("%s refuses %s (runc: %t, crun: %t): %s", ours, c.name, outcomes[i]["runc"].refused(), outcomes[i]["crun"].refused(), o.stderr)
			}
		}
	}
}
