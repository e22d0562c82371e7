package pct

import (
	"fmt"
	"strings"
	"time"

	"github.com/berth-oci/berth/backends/lxcconf"
	"github.com/berth-oci/berth/spec"
)

// copyTimeout limits a pct create that fills a volume.
const copyTimeout = 2 * time.Hour

// initCommand returns process.args as the value of the option entrypoint, which becomes LXC's
// lxc.init.cmd. LXC splits it at blanks, except inside single or double quotes, and has no escape
// for a quote (lxc.container.conf(5)). An argument that cannot be written so is a problem.
func initCommand(args []string) (string, spec.Problems) {
	var ps spec.Problems
	words := make([]string, len(args))
	for i, arg := range args {
		quoted, err := quote(arg)
		if err != nil {
			ps = append(ps, spec.Problem{Path: fmt.Sprintf("process.args[%d]", i), Level: spec.Error, Message: err.Error()})
		}
		words[i] = quoted
	}
	text := strings.Join(words, " ")
	if text != "" && (text[0] == '"' || text[0] == '\'') {
		// LXC removes one pair of quotes around the whole value.
		text = `"` + text + `"`
	}
	return text, ps
}

func quote(arg string) (string, error) {
	blank := strings.ContainsAny(arg, " \t\v\f\r\n")
	switch {
	case lxcconf.HasControl(arg):
		return "", fmt.Errorf("%.100q: Proxmox VE's entrypoint takes no control characters; put the command into a script in the image", arg)
	case arg != "" && !blank && arg[0] != '"' && arg[0] != '\'':
		return arg, nil
	case !strings.Contains(arg, "'"):
		return "'" + arg + "'", nil
	case !strings.Contains(arg, `"`):
		return `"` + arg + `"`, nil
	}
	return "", fmt.Errorf("%.100q: LXC cannot take a word with blanks and both kinds of quotes; put the command into a script in the image", arg)
}
