package process

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/process/nofile"
)

// TestLimitOfOpenFiles checks the program's limit of open files. Go raises the soft limit at start.
// The program gets the limit of config.json, or the limit that berth's caller had, even if the
// filter forbids the calls that syscall.Exec would make to restore it.
func TestLimitOfOpenFiles(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(c *child)
		want   string
	}{
		{"inherited", func(*child) {}, "Max open files 123 456 files"},
		{"inherited, with a filter", func(c *child) { c.Attributes.Seccomp = forbidding(unix.SYS_PRLIMIT64) }, "Max open files 123 456 files"},
		{"of the spec", func(c *child) {
			c.Attributes.Limits = []Limit{{Name: "RLIMIT_NOFILE", Resource: unix.RLIMIT_NOFILE, Soft: 200, Hard: 300}}
		}, "Max open files 200 300 files"},
		{"of the spec, hardly any", func(c *child) {
			c.Attributes.Limits = []Limit{{Name: "RLIMIT_NOFILE", Resource: unix.RLIMIT_NOFILE, Soft: 4, Hard: 4}}
			c.Attributes.UID = 1000
			c.Attributes.Seccomp = forbidding(unix.SYS_PRLIMIT64)
		}, "Max open files 4 4 files"},
		{"others are inherited", func(c *child) {
			c.Attributes.Limits = []Limit{{Name: "RLIMIT_CORE", Resource: unix.RLIMIT_CORE, Soft: 0, Hard: unix.RLIM_INFINITY}}
		}, "Max open files 123 456 files"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := run("grep", "Max open files", "/proc/self/limits")
			c := child{Attributes: a, Shell: "ulimit -Sn 123; ulimit -Hn 456"}
			tt.change(&c)
			if got := strings.Join(strings.Fields(c.output(t)), " "); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	c := child{Attributes: show("^Max (cpu time|file size|core|processes|locked|pending|nice)", "/proc/self/limits"), Sys: inUserNamespace()}
	c.Attributes.UID = 1000
	c.Attributes.Limits = []Limit{
		{"RLIMIT_CPU", unix.RLIMIT_CPU, 100, 200}, {"RLIMIT_FSIZE", unix.RLIMIT_FSIZE, 0, 1 << 30},
		{"RLIMIT_CORE", unix.RLIMIT_CORE, 0, unix.RLIM_INFINITY}, {"RLIMIT_NPROC", unix.RLIMIT_NPROC, 500, 600},
		{"RLIMIT_MEMLOCK", unix.RLIMIT_MEMLOCK, 4096, 4096}, {"RLIMIT_SIGPENDING", unix.RLIMIT_SIGPENDING, 7, 8},
		{"RLIMIT_NICE", unix.RLIMIT_NICE, 0, 0},
	}
	// With a file size limit of 0 the program can only write to a pipe.
	const want = "Max cpu time 100 200 seconds \nMax file size 0 1073741824 bytes \nMax core file size 0 unlimited bytes \n" +
		"Max processes 500 600 processes \nMax locked memory 4096 4096 bytes \nMax pending signals 7 8 signals \n" +
		"Max nice priority 0 0 \n"
	if got := c.output(t); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestLimitRefused(t *testing.T) {
	t.Parallel()
	// Nobody may set more than fs.nr_open.
	c := child{Attributes: run("true"), Sys: inUserNamespace()}
	c.Attributes.Limits = []Limit{{Name: "RLIMIT_NOFILE", Resource: unix.RLIMIT_NOFILE, Soft: 5, Hard: unix.RLIM_INFINITY}}
	c.fails(t, "prepare: process.rlimits: error setting RLIMIT_NOFILE to soft 5, hard unlimited: operation not permitted"+
		" (raising a hard limit requires CAP_SYS_RESOURCE on the host; RLIMIT_NOFILE cannot exceed fs.nr_open)")
}

func TestNofileIsReadBeforeGoRaisesIt(t *testing.T) {
	t.Parallel()
	var now syscall.Rlimit
	if err := syscall.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
		t.Fatal(err)
	}
	if nofile.Hard == 0 || nofile.Hard != now.Max || nofile.Soft > now.Cur {
		t.Errorf("nofile %d:%d; now it is %d:%d", nofile.Soft, nofile.Hard, now.Cur, now.Max)
	}
}

// TestSignals checks that the program inherits neither ignored nor blocked signals.
func TestSignals(t *testing.T) {
	t.Parallel()
	c := child{Attributes: show("^Sig(Blk|Ign|Cgt):", status), Shell: `trap "" HUP INT QUIT PIPE ALRM TERM USR1 CHLD CONT TSTP TTIN TTOU URG WINCH`}
	const none = "SigBlk: 0000000000000000\nSigIgn: 0000000000000000\nSigCgt: 0000000000000000\n"
	if got := c.output(t); got != none {
		t.Errorf("got:\n%swant:\n%s", got, none)
	}
	// The parent's thread blocks signals when it forks.
	c.Shell = ""
	done := make(chan string)
	go func() {
		cmd := c.command(t)
		var out strings.Builder
		cmd.Stdout = &out
		err := startBlocked(cmd)
		if err == nil {
			err = cmd.Wait()
		}
		if err != nil {
			out.WriteString(err.Error())
		}
		done <- out.String()
	}()
	if got := <-done; got != none {
		t.Errorf("blocked signals: got:\n%swant:\n%s", got, none)
	}
}

// TestDescriptors checks that the program gets stdio and the preserved descriptors, and no others
// that the child has open.
func TestDescriptors(t *testing.T) {
	t.Parallel()
	root, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	sockets, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	socket := os.NewFile(uintptr(sockets[0]), "socket")
	defer socket.Close()
	defer unix.Close(sockets[1])
	files := []*os.File{root, socket, root, socket, root, socket, root} // 3 to 9

	// ls opens one descriptor itself, the first free one.
	list := run("sh", "-c", "busybox echo $(busybox ls /proc/self/fd)")
	for _, tt := range []struct {
		name     string
		preserve int
		keep     []int
		want     string
	}{
		{"none", 0, nil, "0 1 2 3\n"},
		{"one", 1, nil, "0 1 2 3 4\n"},
		{"all", 7, nil, "0 1 10 2 3 4 5 6 7 8 9\n"},
		{"kept only until exec", 2, []int{6, 8}, "0 1 2 3 4 5\n"},
	} {
		c := child{Attributes: list, Preserve: tt.preserve, Keep: tt.keep, Files: files}
		if got := c.output(t); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	c := child{Attributes: list, Files: files, Keep: []int{5}}
	c.fails(t, "exec: keep descriptor 5 until exec: it is neither a socket nor a pipe")
	c = child{Attributes: list, Files: files[:1], Preserve: 40}
	if r := c.start(t); r.status.ExitStatus() != 99 || !strings.HasSuffix(r.stderr, ": bad file descriptor\n") {
		t.Errorf("preserving what is not open: %+v", r)
	}
}

// TestNoWayOutByADescriptor checks that a path through a descriptor that is not inherited leads
// nowhere, even if Prepare could resolve it (CVE-2024-21626).
func TestNoWayOutByADescriptor(t *testing.T) {
	t.Parallel()
	root, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	c := child{Attributes: run("true"), Files: []*os.File{root}}
	c.Attributes.Args[0] = "/proc/self/fd/3/bin/busybox"
	c.fails(t, "exec: exec /proc/self/fd/3/bin/busybox: no such file or directory")

	dir := t.TempDir()
	if err := os.Mkdir(dir+"/proc", 0o755); err != nil {
		t.Fatal(err)
	}
	c = child{Attributes: run("true"), Files: []*os.File{root}, Root: dir,
		Sys: &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}}
	c.Attributes.Cwd = "/proc/self/fd/3/etc"
	c.fails(t, "prepare: process.cwd: current working directory is outside of container mount namespace root -- possible container breakout detected")
}

func TestOOMScore(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(busybox, "sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	adj := 321
	if err := (&Attributes{OOMScoreAdj: &adj}).Grant(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", cmd.Process.Pid))
	if err != nil || string(got) != "321\n" {
		t.Errorf("oom_score_adj %q, %v; want 321", got, err)
	}
}

// TestGrant checks that Grant raises limits that are too low, and lowers none.
func TestGrant(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(busybox, "sh", "-c", "ulimit -Sc 5; read _")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	}()
	var before, after unix.Rlimit
	if err := unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_CORE, nil, &before); err != nil {
		t.Fatal(err)
	}
	a := Attributes{Limits: []Limit{{Name: "RLIMIT_CORE", Resource: unix.RLIMIT_CORE, Soft: 1, Hard: 1}}}
	if err := a.Grant(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_CORE, nil, &after); err != nil || after.Max != before.Max {
		t.Errorf("hard limit %d, was %d: %v", after.Max, before.Max, err)
	}
	if err := a.Grant(1 << 30); err == nil {
		t.Error("no error for a process that does not exist")
	}
}
