package link

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// inherit prints what Inheritable returns, in a process whose descriptors are known. how has a case
// per line, "inherit OPEN LISTEN PRESERVE", where OPEN has an x for each open descriptor from 3 on
// and a dot for each closed one.
func inherit(how string) {
	for line := range strings.Lines(how) {
		var open string
		var listen, preserve int
		_, err := fmt.Sscanf(line, "inherit %s %d %d", &open, &listen, &preserve)
		if err == nil {
			err = unix.CloseRange(3, 1<<20, 0)
		}
		for i, c := range open {
			if err == nil && c == 'x' {
				err = unix.Dup2(0, 3+i)
			}
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		n, err := Inheritable(listen, preserve)
		fmt.Println(n, err)
	}
}

func TestInheritable(t *testing.T) {
	t.Parallel()
	notOpen := func(fd int) string {
		return fmt.Sprintf("0 descriptor %d of --preserve-fds or LISTEN_FDS is not open", fd)
	}
	const noNumber = "0 --preserve-fds must be a number of descriptors"
	cases := []struct{ how, want string }{
		{". 0 0", "0 <nil>"},
		{"x 0 0", "0 <nil>"},
		{"xxx 0 2", "2 <nil>"},
		{"xxx 2 0", "2 <nil>"},
		{"xxxx 2 2", "4 <nil>"},
		{"xx 2 2", "2 <nil>"}, // podman counts the sockets twice
		{"xxx 2 2", "3 <nil>"},
		{"xxx 1 3", "3 <nil>"},
		{"xx.x 2 2", "2 <nil>"}, // stops at the first closed one
		{"x.x 0 3", notOpen(4)},
		{"x 2 0", notOpen(4)},
		{". 0 1", notOpen(3)},
		{"xx 1 3", notOpen(5)},
		{"x -1 0", noNumber},
		{"x 0 -1", noNumber},
		{"x -1 1", noNumber},
		{"x 0 65537", noNumber},
		{"x 65536 1", noNumber},
		{"x 1 9223372036854775807", noNumber},
		{"x 9223372036854775807 5", noNumber},
		{"x 0 65536", notOpen(4)},
	}
	var how []string
	for _, c := range cases {
		how = append(how, "inherit "+c.how)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), serveEnv+"="+strings.Join(how, "\n"))
	out, err := cmd.CombinedOutput()
	lines := strings.Split(string(out), "\n")
	if err != nil || len(lines) != len(cases)+1 {
		t.Fatalf("%v: %s", err, out)
	}
	for i, c := range cases {
		if lines[i] != c.want {
			t.Errorf("%s: %s\nwant: %s", c.how, lines[i], c.want)
		}
	}
}
