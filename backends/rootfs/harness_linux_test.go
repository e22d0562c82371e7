package rootfs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/integration/executable"
)

// The tests build a real root in a child process in new namespaces and then run a script there. The
// child is this test binary with initEnv in its environment.
const initEnv = "BERTH_ROOTFS_TEST_STAGE"

func TestMain(m *testing.M) {
	if os.Getenv(watchEnv) != "" {
		fmt.Fprintln(os.Stderr, watch())
		os.Exit(1)
	}
	if os.Getenv(initEnv) != "" {
		runtime.LockOSThread()
		if err := initProc(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// order is what the test sends to the init process.
type order struct {
	Plan    *Plan
	Files   int
	At      string
	Console bool
	NoMknod bool
	Script  string
}

func initProc() error {
	unix.Umask(0o077) // the worst case
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	var o order
	buf := make([]byte, 1<<20)
	n, err := unix.Read(3, buf)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(buf[:n], &o); err != nil {
		return err
	}
	files, err := receive(3, o.Files)
	if err != nil {
		return err
	}
	unix.Close(3)
	if p, _, err := os.Pipe(); err == nil {
		p.Close() // Go's poller has opened its descriptors now
	}
	before := openDescriptors(files)
	if o.NoMknod {
		if err := dropMknod(); err != nil {
			return err
		}
	}
	r, err := Attach(o.Plan, files, o.At)
	if err != nil {
		return err
	}
	for _, step := range []func() error{r.Mount, r.Devices, r.Pivot, func() error { return console(r, o.Console) }, r.Finish} {
		if err := step(); err != nil {
			return err
		}
	}
	r.Close()
	if after := openDescriptors(nil); !o.Console && !slices.Equal(before, after) {
		return fmt.Errorf("descriptors: %v before, %v after", before, after)
	}
	return unix.Exec("/bin/sh", []string{"sh", "-c", o.Script}, []string{"PATH=/bin"})
}

func dropMknod() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1 << unix.CAP_MKNOD
	data[0].Permitted &^= 1 << unix.CAP_MKNOD
	return unix.Capset(&header, &data[0])
}

// openDescriptors lists the process's open descriptors, except the descriptors of files.
func openDescriptors(files []*os.File) []int {
	var list []int
	for fd := range 1024 {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && !slices.ContainsFunc(files, func(f *os.File) bool { return int(f.Fd()) == fd }) {
			list = append(list, fd)
		}
	}
	return list
}

func console(r *Root, wanted bool) error {
	if !wanted {
		return nil
	}
	master, slave, err := r.OpenPty()
	if err != nil {
		return err
	}
	defer slave.Close()
	if _, err := unix.FcntlInt(master.Fd(), unix.F_DUPFD, 9); err != nil { // keep the script's terminal open
		return err
	}
	return r.Console(slave)
}

func receive(socket, count int) ([]*os.File, error) {
	var files []*os.File
	for len(files) < count {
		_, some, err := link.ReceiveMessage(socket, make([]byte, 1), 253)
		if err != nil {
			return nil, err
		}
		files = append(files, some...)
	}
	return files, nil
}

// container is one run of a config.
type container struct {
	spec    *specs.Spec
	bundle  string
	script  string
	at      string
	console bool
	nomknod bool
	userns  bool
	mounts  bool   // the test has its own mounts below the bundle
	ready   func() // called after Open, before anything is attached
}

// run builds the root and runs the script in it. The error is from Open, the init process, or the
// script.
func (c *container) run(t *testing.T) (string, error) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer ours.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{initEnv + "=1"}
	cmd.ExtraFiles = []*os.File{theirs}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP,
		Pdeathsig:  syscall.SIGKILL,
	}
	if c.userns {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: 100000, Size: 65536}}
		cmd.SysProcAttr.GidMappings = cmd.SysProcAttr.UidMappings
		cmd.SysProcAttr.GidMappingsEnableSetgroups = true
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 0, Gid: 0}
	}
	runtime.LockOSThread() // Pdeathsig is bound to the thread
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if err := c.direct(ours, cmd.Process.Pid); err != nil {
		ours.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return "", err
	}
	err = cmd.Wait()
	if mounts, readErr := os.ReadFile("/proc/thread-self/mountinfo"); !c.mounts && (readErr != nil || bytes.Contains(mounts, []byte(c.bundle))) {
		t.Errorf("the host has a mount below the bundle (%v)", readErr)
	}
	if err != nil {
		return stdout.String(), errors.New(strings.TrimSpace(stderr.String()) + ": " + err.Error())
	}
	return stdout.String(), nil
}

func (c *container) direct(socket *os.File, pid int) error {
	var o Options
	if c.userns {
		ns, err := os.Open("/proc/" + strconv.Itoa(pid) + "/ns/mnt")
		if err != nil {
			return err
		}
		defer ns.Close()
		o.Namespace = ns
	}
	plan, files, err := Open(c.spec, c.bundle, o)
	if err != nil {
		return err
	}
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if c.ready != nil {
		c.ready()
	}
	data, err := json.Marshal(order{Plan: plan, Files: len(files), At: c.at, Console: c.console, NoMknod: c.nomknod, Script: c.script})
	if err != nil {
		return err
	}
	if _, err := socket.Write(data); err != nil {
		return err
	}
	for len(files) > 0 {
		n := min(len(files), 250)
		var fds []int
		for _, f := range files[:n] {
			fds = append(fds, int(f.Fd()))
			defer f.Close()
		}
		if err := link.SendMessage(int(socket.Fd()), []byte{0}, fds...); err != nil {
			return err
		}
		files = files[n:]
	}
	return nil
}

// output is run for scripts that must succeed.
func (c *container) output(t *testing.T) string {
	t.Helper()
	out, err := c.run(t)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

// newContainer makes a bundle with a busybox root.
func newContainer(t *testing.T) *container {
	t.Helper()
	bundle := t.TempDir()
	if err := os.Chmod(filepath.Dir(bundle), 0o755); err != nil { // the root user of the user namespace needs access
		t.Fatal(err)
	}
	root := filepath.Join(bundle, "rootfs")
	for _, dir := range []string{"bin", "proc", "sys", "dev", "etc", "tmp"} {
		mkdir(t, filepath.Join(root, dir))
	}
	copyBusybox(t, filepath.Join(root, "bin/busybox"))
	for _, name := range []string{"sh", "cat", "ls", "stat", "mkdir", "grep", "readlink", "test", "touch", "echo", "mount", "umount", "id", "sed", "sort", "tty", "find", "sleep"} {
		symlink(t, "busybox", filepath.Join(root, "bin", name))
	}
	s := &specs.Spec{
		Root:    &specs.Root{Path: "rootfs"},
		Process: &specs.Process{Cwd: "/"},
		Linux:   &specs.Linux{},
	}
	for _, ns := range []specs.LinuxNamespaceType{specs.MountNamespace, specs.PIDNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.NetworkNamespace, specs.CgroupNamespace} {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: ns})
	}
	return &container{spec: s, bundle: bundle}
}

func (c *container) path(name string) string { return filepath.Join(c.bundle, "rootfs", name) }

func (c *container) mount(typ, source, destination string, options ...string) {
	c.spec.Mounts = append(c.spec.Mounts, specs.Mount{Type: typ, Source: source, Destination: destination, Options: options})
}

// podmanMounts adds the mounts that podman gives every container.
func (c *container) podmanMounts() {
	c.mount("proc", "proc", "/proc", "nosuid", "noexec", "nodev")
	c.mount("tmpfs", "tmpfs", "/dev", "nosuid", "strictatime", "mode=755", "size=65536k")
	c.mount("sysfs", "sysfs", "/sys", "nosuid", "noexec", "nodev", "ro")
	c.mount("devpts", "devpts", "/dev/pts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")
	c.mount("mqueue", "mqueue", "/dev/mqueue", "nosuid", "noexec", "nodev")
	c.mount("tmpfs", "shm", "/dev/shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k")
}

// withUserNamespace gives the container a user namespace, and the files of its root to root in that
// namespace.
func (c *container) withUserNamespace(t *testing.T) {
	t.Helper()
	c.userns = true
	c.spec.Linux.Namespaces = append(c.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	c.spec.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	c.spec.Linux.GIDMappings = c.spec.Linux.UIDMappings
	// The host's own busybox, which is linked to, keeps its owner.
	if err := os.Remove(c.path("bin/busybox")); err != nil {
		t.Fatal(err)
	}
	writeBusybox(t, c.path("bin/busybox"))
	err := filepath.Walk(c.path("/"), func(path string, _ os.FileInfo, err error) error {
		return errors.Join(err, os.Lchown(path, 100000, 100000))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func copyBusybox(t *testing.T, to string) {
	t.Helper()
	if os.Link("/bin/busybox", to) != nil {
		writeBusybox(t, to)
	}
}

func writeBusybox(t *testing.T, to string) {
	t.Helper()
	program, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Fatal(err)
	}
	if err := executable.Write(to, program); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) string {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func symlink(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
