package ctconf

import (
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, warnings string }{
		{"empty", "", ""},
		{"description", "#first%3A line\n#\n#100%25\narch: amd64\n", ""},
		{"raw keys", "arch: amd64\nlxc.include: /a b\nlxc.cap.drop: \nlxc.net.0.type: none\n", ""},
		{"environment", "arch: amd64\nlxc.environment.runtime: A=1\nlxc.environment.runtime: B=x y\n", ""},
		{"sections", "#main\narch: amd64\nparent: one\n\n[pve:pending]\ndelete: mp0\nmemory: 64\n\n[one]\n#snap\narch: i386\n" +
			"snaptime: 1\nlxc.include: /a\n", ""},
		{"old key", "lxc.utsname: x\n", "vm 7 - lxc.utsname is deprecated and was renamed to lxc.uts.name\n"},
		{"bad value", "memory: much\n",
			"vm 7 - unable to parse value of 'memory' - type check ('integer') failed - got 'much'\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var warnings strings.Builder
			c := Parse("7", test.text, func(line string) { warnings.WriteString(line + "\n") })
			if got := c.String(); got != test.text {
				t.Errorf("written as\n%q, wanted\n%q", got, test.text)
			}
			if warnings.String() != test.warnings {
				t.Errorf("warned %q", warnings.String())
			}
		})
	}
}

func TestDropped(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"lxc.namespace.clone: mnt", "lxc.proc.oom_score_adj: 1", "lxc.sysctl.net.ipv4.ip_forward: 1", "no colon",
		"lxc.rootfs.options: ro", "delete: x",
	} {
		warned := 0
		if c := Parse("7", line+"\n", func(string) { warned++ }); c.String() != "" || warned != 1 {
			t.Errorf("%q: kept as %q, %d warnings", line, c.String(), warned)
		}
	}
}

func TestCoding(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "plain", "a:b%c", "tab\there", "ünïcode", "%41 stays"} {
		if got := Decode(Encode(text)); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := Decode("50%, %zz %4"); got != "50%, %zz %4" {
		t.Errorf("got %q", got)
	}
}
