package process

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/executable"
)

// newRoot makes a root with busybox, an empty /proc, and the given files (path to content).
func newRoot(t *testing.T, files map[string]string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	for _, dir := range []string{"bin", "proc", "etc"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	if err := executable.Write(filepath.Join(root, "bin/busybox"), data); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func inRoot(root string, a Attributes) child {
	return child{Attributes: a, Root: root, Sys: &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}}
}

// TestProgram checks that errors about the program have runc's wording, which engines look for.
func TestProgram(t *testing.T) {
	t.Parallel()
	root := newRoot(t, map[string]string{"bin/plain": "no program", "bin/script": "#!/no/interpreter\n", "bin/junk": "\x7fELFjunk"})
	for _, name := range []string{"bin/script", "bin/junk"} {
		if err := os.Chmod(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/bin/loop", filepath.Join(root, "bin/loop")); err != nil {
		t.Fatal(err)
	}
	const noPath = "none"
	for _, tt := range []struct{ name, path, want string }{
		{"foo", "/bin", `prepare: exec: "foo": executable file not found in $PATH`},
		{"busybox", "/sbin", `prepare: exec: "busybox": executable file not found in $PATH`},
		{"busybox", noPath, `prepare: exec: "busybox": executable file not found in $PATH`},
		{"busybox", ".:bin", `prepare: exec: "busybox": cannot run executable found relative to current directory`},
		{"plain", "/bin", `prepare: exec: "plain": executable file not found in $PATH`},
		{"", "/bin", `prepare: exec: "": executable file not found in $PATH`},
		{"/x", "/bin", `prepare: exec: "/x": stat /x: no such file or directory`},
		{"./x", "/bin", `prepare: exec: "./x": stat ./x: no such file or directory`},
		{"/bin/plain", "/bin", `prepare: exec: "/bin/plain": permission denied`},
		{"/bin", "/bin", `prepare: exec: "/bin": is a directory`},
		{"/bin/loop", "/bin", `prepare: exec: "/bin/loop": stat /bin/loop: too many levels of symbolic links`},
		{"/bin/busybox/x", "/bin", `prepare: exec: "/bin/busybox/x": stat /bin/busybox/x: not a directory`},
		{"/bin/script", "/bin", `exec: exec /bin/script: no such file or directory`},
		{"junk", "/bin", `exec: exec /bin/junk: exec format error`},
	} {
		c := inRoot(root, Attributes{Basics: Basics{Args: []string{tt.name, "true"}, Cwd: "/", Env: []string{"PATH=" + tt.path}}})
		if tt.path == noPath {
			c.Attributes.Env, c.Env = nil, []string{"PATH=/bin"}
		}
		c.fails(t, tt.want)
	}
	for _, name := range []string{"busybox", "/bin/busybox", "bin/busybox"} {
		c := inRoot(root, Attributes{Basics: Basics{Args: []string{name, "echo", "a  b", ""}, Cwd: "/", Env: []string{"PATH=/sbin:/bin"}}})
		if got := c.output(t); got != "a  b \n" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestUserCannotExecute checks that the program is looked up as the user.
func TestUserCannotExecute(t *testing.T) {
	t.Parallel()
	root := newRoot(t, nil)
	if err := os.Chmod(filepath.Join(root, "bin/busybox"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := inRoot(root, run("true"))
	c.output(t)
	c.Attributes.UID = 1000
	c.fails(t, `prepare: exec: "/bin/busybox": permission denied`)
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	root := newRoot(t, map[string]string{"etc/passwd": "root:x:0:0:root:/root:/bin/sh\nbroken line\nu:x:1000:1000::/home/u:\nv:x:1000:1:::\nw:x:7:7:::\n"})
	for _, tt := range []struct {
		name   string
		change func(a *Attributes)
		want   string
	}{
		{"nothing of the caller's", func(*Attributes) {}, "A=1 HOME=/root"},
		{"a user's home", func(a *Attributes) { a.UID = 1000 }, "A=1 HOME=/home/u"},
		{"a user without a name", func(a *Attributes) { a.UID = 4242 }, "A=1 HOME=/"},
		{"a user without a home", func(a *Attributes) { a.UID = 7 }, "A=1 HOME="},
		{"HOME is there", func(a *Attributes) { a.Env = []string{"HOME=/x"} }, "HOME=/x"},
		{"sockets", func(a *Attributes) {
			a.Env, a.ListenFDs = []string{"LISTEN_FDS=7", "LISTEN_PID=7", "HOME=/", "LISTEN_FDNAMES=a:b"}, 2
		}, "HOME=/ LISTEN_FDNAMES=a:b LISTEN_FDS=2 LISTEN_PID=PID"},
	} {
		c := inRoot(root, Attributes{Basics: Basics{Args: []string{"/bin/busybox", "env"}, Cwd: "/", Env: []string{"A=1"}}})
		c.Env = []string{"SECRET=1", "PATH=/usr/bin", "HOME=/elsewhere"}
		tt.change(&c.Attributes)
		got := strings.Join(strings.Fields(c.output(t)), " ")
		if before, _, ok := strings.Cut(got, "LISTEN_PID="); ok {
			got = before + "LISTEN_PID=PID"
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestListenPID(t *testing.T) {
	t.Parallel()
	a := run("sh", "-c", `busybox test "$LISTEN_PID" = $$ && busybox echo mine`)
	a.ListenFDs = 1
	c := child{Attributes: a}
	if got := c.output(t); got != "mine\n" {
		t.Errorf("LISTEN_PID is not the program's pid: %q", got)
	}
}

// TestHostilePasswd checks that whatever an image has as its passwd file neither blocks the process
// nor gives it data.
func TestHostilePasswd(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(path string) error{
		"a FIFO":      func(path string) error { return unix.Mkfifo(path, 0o644) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o755) },
		"a device":    func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))) },
		"a link":      func(path string) error { return os.Symlink("/proc/self/mem", path) },
		"huge":        func(path string) error { return os.WriteFile(path, nil, 0o644) },
	} {
		root := newRoot(t, nil)
		path := filepath.Join(root, "etc/passwd")
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		if name == "huge" {
			if err := os.Truncate(path, 1<<40); err != nil {
				t.Fatal(err)
			}
		}
		c := inRoot(root, Attributes{Basics: Basics{Args: []string{"/bin/busybox", "env"}, Cwd: "/"}})
		start := time.Now()
		if got := c.output(t); got != "HOME=/\n" {
			t.Errorf("%s: %q", name, got)
		}
		if d := time.Since(start); d > time.Minute {
			t.Errorf("%s: took %v", name, d)
		}
	}
}

func TestCwd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// Root may read everything. A user needs access to the parent directories.
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	own := filepath.Join(dir, "own")
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(own, 101000, 101000); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign")
	if err := os.Mkdir(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	c := child{Attributes: run("pwd")}
	a := &c.Attributes
	for _, cwd := range []string{"/", own, foreign} {
		a.Cwd = cwd
		if got := c.output(t); got != cwd+"\n" {
			t.Errorf("cwd %s: %q", cwd, got)
		}
	}
	a.UID = 1000
	a.Cwd = foreign
	if got := c.output(t); got != foreign+"\n" {
		t.Errorf("a user started by root in %s: %q", foreign, got)
	}
	for _, tt := range []struct{ cwd, why string }{
		{dir + "/none", "no such file or directory"}, {file, "not a directory"},
	} {
		a.Cwd = tt.cwd
		c.fails(t, `prepare: process.cwd: chdir to cwd ("`+tt.cwd+`") set in config.json failed: `+tt.why)
	}
	// In a user namespace, root has no privileges over files with unmapped owners.
	c.Sys = inUserNamespace()
	a.Cwd = own
	if got := c.output(t); got != own+"\n" {
		t.Errorf("the user's own: %q", got)
	}
	a.Cwd = foreign
	c.fails(t, `prepare: process.cwd: chdir to cwd ("`+foreign+`") set in config.json failed: permission denied`)
}

func TestMakeCwd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, cwd := range []string{dir, filepath.Join(dir, "a/b/c"), file, file + "/d", "/proc/none"} {
		err := (&Basics{Cwd: cwd}).MakeCwd()
		if st, e := os.Stat(cwd); err != nil && cwd != "/proc/none" || strings.HasSuffix(cwd, "c") && (e != nil || !st.IsDir()) {
			t.Errorf("MakeCwd(%s): %v; %v", cwd, err, e)
		}
	}
}

// TestNoProc checks that a root without /proc, or with something else at that path, is an error
// only if a label is set.
func TestNoProc(t *testing.T) {
	t.Parallel()
	root := newRoot(t, nil)
	if err := os.Remove(filepath.Join(root, "proc")); err != nil {
		t.Fatal(err)
	}
	c := inRoot(root, run("id", "-u"))
	c.Attributes.UID, c.Attributes.Groups = 1000, []uint32{5}
	if got := c.output(t); got != "1000\n" {
		t.Errorf("%q", got)
	}
	c.Attributes.AppArmorProfile = "x"
	c.fails(t, "prepare: set the security label: open /proc: no such file or directory")
}

// TestForgedProc checks that labels are not written to files that only look like files of /proc.
func TestForgedProc(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := openProc(fd); err == nil || err.Error() != "/proc is not the root of a proc filesystem" {
		t.Errorf("a directory: %v", err)
	}
	sub, err := unix.Open("/proc/self", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(sub)
	if _, err := openProc(sub); err == nil {
		t.Error("a directory of /proc was taken for its root")
	}
	proc, err := openProc(-1)
	if err != nil {
		t.Fatal(err)
	}
	defer proc.close()
	for _, name := range []string{"self/root/etc/passwd", "../etc/passwd", "self/cwd", "/etc/passwd"} {
		if f, err := proc.open(name, unix.O_RDONLY); err == nil {
			t.Errorf("%s was opened through /proc", name)
			_ = f.Close()
		}
	}
	if f, err := proc.open("thread-self/attr", unix.O_PATH); err != nil {
		t.Error(err)
	} else {
		_ = f.Close()
	}
}

func TestKeyring(t *testing.T) {
	t.Parallel()
	const name = "_ses.berth-test-keyring"
	for where, sys := range map[string]*syscall.SysProcAttr{"host": nil, "user namespace": inUserNamespace()} {
		c := child{Attributes: run("grep", "keyring *"+name, "/proc/keys"), Sys: sys}
		c.Attributes.Keyring, c.Attributes.UserNamespace = name, sys != nil
		fields := strings.Fields(c.output(t))
		want := "3f1b0000"
		if sys != nil {
			want = "3f130008"
		}
		if len(fields) < 5 || fields[4] != want {
			t.Errorf("%s: key %q, want permissions %s", where, fields, want)
		}
	}
}
