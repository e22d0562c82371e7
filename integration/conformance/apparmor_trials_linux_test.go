//go:build linux && integration

package conformance

import (
	"os/exec"
	"strings"
	"testing"
)

// profile is the name of an AppArmor profile that allows everything and that no engine uses.
const profile = "berth-conformance"

// apparmorTrials returns the trials of process.apparmorProfile for a kernel with AppArmor. The
// usual container has no profile.
func apparmorTrials() (list []trial) {
	for name, value := range map[string]string{"loaded": profile, "unconfined": "unconfined", "unknown": "berth-nosuch"} {
		list = append(list, trial{"process.apparmorProfile " + name, func(c *config) { c.Process.ApparmorProfile = value }})
	}
	return sorted(list)
}

// loadProfile loads the profile into the kernel, and removes it when the test ends.
func loadProfile(t *testing.T) {
	t.Helper()
	parser := func(option string) {
		c := exec.Command("apparmor_parser", option)
		c.Stdin = strings.NewReader("profile " + profile + " flags=(attach_disconnected,mediate_deleted) {\n file, capability, network, mount, umount, signal, ptrace, unix, dbus, pivot_root,\n}\n")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("apparmor_parser %s: %v: %s", option, err, out)
		}
	}
	parser("--replace")
	t.Cleanup(func() { parser("--remove") })
}
