package link

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// inherit prints what Inheritable returns in a process whose descriptors are known. how is
// "inherit OPEN LISTEN PRESERVE", where OPEN has an x for each open descriptor from 3 on, and a dot
// for each closed one.
func inherit(how string) {
	var open string
	var listen, preserve int
	if _, err := fmt.Sscanf(how, "inherit %s %d %d", &open, &listen, &preserve); err != nil {
		fmt.Println(err)
		return
	}
	if err := unix.CloseRange(3, 1<<20, 0); err != nil {
		fmt.Println(err)
		return
	}
	for i, c := range open {
		if c != 'x' {
			continue
		}
		if err := unix.Dup2(0, 3+i); err != nil {
			fmt.Println(err)
			return
		}
	}
	n, err := Inheritable(listen, preserve)
	fmt.Println(n, err)
}

func TestInheritable(t *testing.T) {
	t.Parallel()
	notOpen := func(fd int) string {
		return fmt.Sprintf("0 descriptor %d, which --preserve-fds or LISTEN_FDS names, is not open", fd)
	}
	const noNumber = "0 --preserve-fds: not a number of descriptors"
	for how, want := range map[string]string{
		". 0 0":                   "0 <nil>",
		"x 0 0":                   "0 <nil>",
		"xxx 0 2":                 "2 <nil>",
		"xxx 2 0":                 "2 <nil>",
		"xxxx 2 2":                "4 <nil>",
		"xx 2 2":                  "2 <nil>", // podman counts the sockets twice
		"xxx 2 2":                 "3 <nil>",
		"xxx 1 3":                 "3 <nil>",
		"xx.x 2 2":                "2 <nil>", // stops at the first closed one
		"x.x 0 3":                 notOpen(4),
		"x 2 0":                   notOpen(4),
		". 0 1":                   notOpen(3),
		"xx 1 3":                  notOpen(5),
		"x -1 0":                  noNumber,
		"x 0 -1":                  noNumber,
		"x -1 1":                  noNumber,
		"x 0 65537":               noNumber,
		"x 65536 1":               noNumber,
		"x 1 9223372036854775807": noNumber,
		"x 9223372036854775807 5": noNumber,
		"x 0 65536":               notOpen(4),
	} {
		t.Run(strings.ReplaceAll(how, " ", ","), func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), serveEnv+"=inherit "+how)
			out, err := cmd.CombinedOutput()
			if err != nil || string(out) != want+"\n" {
				t.Errorf("%v, %swant %s", err, out, want)
			}
		})
	}
}
