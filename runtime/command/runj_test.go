package command

import (
	"strings"
	"testing"
)

func TestFromRunj(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"runj create x /b":                     "runj create --bundle /b x",
		"/usr/local/bin/runj create x /b":      "/usr/local/bin/runj create --bundle /b x",
		"runj create x":                        "runj create x",
		"runj create x /b --console-socket /s": "runj create --console-socket /s --bundle /b x",
		"runj kill x KILL --all":               "runj kill --all x KILL",
		"runj kill x 15":                       "runj kill x 15",
		"runj extension exec x --process /p":   "runj exec --process /p x",
		"runj state x":                         "runj state x",
		"runj":                                 "runj",
		"runj --root /r --debug create x /b":   "runj --root /r --debug create --bundle /b x",
		"berth create x /b":                    "berth create x /b",
		"berth extension exec x --process /p":  "berth extension exec x --process /p",
		"runj extension":                       "runj extension",
	} {
		if got := strings.Join(fromRunj(strings.Fields(args)), " "); got != want {
			t.Errorf("%s: got %s", args, got)
		}
	}
}
