package create

import (
	"strings"
	"testing"
)

func TestCheckBare(t *testing.T) {
	const bare = "Name:\tstub-init\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000020\nCapEff:\t0000000000000020\n" +
		"CapBnd:\t0000000000000003\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n"
	for _, c := range []struct{ from, to, want string }{
		{"", "", ""},
		{"CapPrm:\t0000000000000020", "CapPrm:\t0000000000000000", ""},
		{"CapPrm:\t0000000000000020", "CapPrm:\t0000000000200020", "CapPrm"},
		{"CapEff:\t0000000000000020", "CapEff:\t0000000000000001", "CapEff"},
		{"CapInh:\t0000000000000000", "CapInh:\t0000000000000020", "CapInh"},
		{"CapAmb:\t0000000000000000", "CapAmb:\t0000000000000020", "CapAmb"},
		{"CapBnd:\t0000000000000003", "CapBnd:\t0000000000000007", "CapBnd"},
		{"CapBnd:\t0000000000000003", "CapBnd:\t-1", "CapBnd"},
		{"CapBnd:\t0000000000000003\n", "", "all its capabilities"},
		{"NoNewPrivs:\t1", "NoNewPrivs:\t0", "NoNewPrivs"},
		{"Seccomp:\t2", "Seccomp:\t0", "Seccomp"},
		{"Seccomp:\t2\n", "", "Seccomp"},
	} {
		err := checkBare(strings.Replace(bare, c.from, c.to, 1), 3)
		if err == nil && c.want != "" || err != nil && (c.want == "" || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q instead of %q: %v, want %q", c.to, c.from, err, c.want)
		}
	}
}
