package jail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/jail/kernel"
	"github.com/berth-oci/berth/backends/jail/tools"
	"github.com/berth-oci/berth/integration/executable"
	"github.com/berth-oci/berth/spec"
)

const mountsEnv = "BERTH_TEST_JAIL_MOUNTS"

// TestMain runs the tests in a mount namespace of their own, because the tools of fakeHost really
// mount. The kernel removes what a failed test leaves mounted.
func TestMain(m *testing.M) {
	if os.Getenv(mountsEnv) != "" {
		os.Exit(m.Run())
	}
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), mountsEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// tool is the shell script in place of FreeBSD's tools. It keeps what they would make as files in
// the directory state, and writes its command line to the file log. The command with the number in
// the file fail fails. rules is a shell file that can answer first.
const tool = `#!/bin/busybox sh
cd "${0%/*}/.." || exit 1
name=${0##*/}
line="$name $*"
no() { echo "$name: $1" >&2; exit 1; }
show() { test -e "$1" || return 1; while read -r text; do echo "$text"; done <"$1"; }
number=0
test ! -e count || read -r number <count
number=$((number + 1))
echo $number >count
echo "$line" >>log
test ! -e fail || read -r fail <fail
test "$fail" != $number || no broken
test ! -e rules || . ./rules
cd state
case "$line" in
"jail -i -c "*)
	for p; do case "$p" in name=*) jail=${p#name=};; path=*) path=${p#path=};; esac; done
	test ! -e "jail.$jail" || no "jail \"$jail\" already exists"
	echo "7 $path" >"jail.$jail"
	echo 7;;
"jail -m name="*" children.max="*)
	parent=${2#name=}
	read -r now max <"children.$parent" || no "jail \"$parent\" not found"
	echo "$now ${3#children.max=}" >"children.$parent";;
"jail -R "*) rm "jail.$2" 2>/dev/null || no "jail \"$2\" not found";;
"jls -j "*" jid path") show "jail.$2" || no "jail \"$2\" not found";;
"jls -j "*" children.cur children.max") show "children.$2" || no "jail \"$2\" not found";;
"jls -j "*" allow.chflags allow.raw_sockets enforce_statfs")
	test -e "children.$2" || no "jail \"$2\" not found"
	echo true false 2;;
"mount -t "*)
	kind=$2
	while test $# -gt 2; do shift; done
	if test $kind = nullfs; then exec mount --bind "$1" "$2"; fi
	exec mount -t tmpfs tmpfs "$2";;
"umount -f "*) exec umount "$2";;
"devfs rule -s "*" show") show "ruleset.$3" || :;;
"devfs -m "*" rule apply "*) ;;
"ifconfig "*" vnet "*) test ! -e "vnet.$1" || no "interface $1 is not here"; : >"vnet.$1";;
"ifconfig "*" -vnet "*) rm "vnet.$1" 2>/dev/null || no "interface $1 does not exist";;
"ifconfig "*" -alias") rm "alias.$1.$3" 2>/dev/null || no "ioctl (SIOCDIFADDR): Can't assign requested address";;
"ifconfig "*" alias") : >"alias.$1.$3";;
"rctl -a jail:"*) : >"limit.${2#jail:}";;
"rctl -r jail:"*)
	for f in "limit.${2#jail:}:"*; do test -e "$f" || no "no such rule"; rm "$f"; done;;
"rctl -u jail:"*) show usage || no "rctl_get_racct: kern.racct.enable is 0";;
"rctl jail:"*) for f in "limit.${1#jail:}:"*; do test ! -e "$f" || echo "jail:${f#limit.}"; done;;
"ps -x -o pid= -J "*) show pids;;
*) no "usage: $line";;
esac
`

// fakeHost is a host with jails: a directory with the tools, and the containers of a state directory.
type fakeHost struct {
	*testing.T
	dir     string
	backend *Backend
}

func newFake(t *testing.T) *fakeHost {
	t.Helper()
	h := &fakeHost{T: t, dir: t.TempDir()}
	for _, dir := range []string{"bin", "state", "root"} {
		if err := os.Mkdir(filepath.Join(h.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range append([]string{"ifconfig", "rctl"}, needed...) {
		if err := executable.Write(filepath.Join(h.dir, "bin", name), []byte(tool)); err != nil {
			t.Fatal(err)
		}
	}
	h.backend = &Backend{tools: &tools.Box{Dirs: []string{filepath.Join(h.dir, "bin")}}}
	return h
}

// write writes a file, whose name is relative to the host's directory.
func (h *fakeHost) write(name, text string) {
	h.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o644); err != nil {
		h.Fatal(err)
	}
}

func (h *fakeHost) read(name string) string {
	h.Helper()
	text, err := os.ReadFile(filepath.Join(h.dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		h.Fatal(err)
	}
	return string(text)
}

// log returns the command lines of the tools so far, and forgets them. It writes DIR for the host's
// directory.
func (h *fakeHost) log() []string {
	h.Helper()
	text := h.read("log")
	if err := os.Remove(filepath.Join(h.dir, "log")); err != nil && !errors.Is(err, os.ErrNotExist) {
		h.Fatal(err)
	}
	return slices.Collect(strings.Lines(strings.ReplaceAll(strings.TrimSuffix(text, "\n"), h.dir, "DIR")))
}

// left returns what is there of jails: the tools' state, mounts, and files of the roots.
func (h *fakeHost) left() []string {
	h.Helper()
	var list []string
	err := filepath.WalkDir(h.dir, func(path string, d os.DirEntry, err error) error {
		if d != nil && !d.IsDir() && strings.HasPrefix(path, h.dir+"/state") {
			text, err := os.ReadFile(path)
			list = append(list, path+" "+string(text))
			return err
		}
		list = append(list, path)
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	points, err := kernel.Mounted()
	if err != nil {
		h.Fatal(err)
	}
	for _, p := range points {
		if strings.HasPrefix(p, h.dir) {
			list = append(list, "mounted "+p)
		}
	}
	list = slices.DeleteFunc(list, func(s string) bool { return strings.HasSuffix(s, "/log") || strings.HasSuffix(s, "/count") })
	return list
}

// container makes the record of a container and a bundle with a root that a busybox is in. The
// config gets more properties.
func (h *fakeHost) container(properties string) (*backends.Container, *specs.Spec) {
	h.Helper()
	c := &backends.Container{ID: "box", Root: filepath.Join(h.dir, "root"), Bundle: filepath.Join(h.dir, "bundle")}
	c.Dir, c.Rootfs = filepath.Join(c.Root, c.ID), filepath.Join(c.Bundle, "rootfs")
	for _, dir := range []string{c.Dir, filepath.Join(c.Rootfs, "bin"), filepath.Join(c.Rootfs, "dev")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			h.Fatal(err)
		}
	}
	to := filepath.Join(c.Rootfs, "bin/sh")
	if err := os.Link("/bin/busybox", to); err != nil && !errors.Is(err, os.ErrExist) {
		program, err := os.ReadFile("/bin/busybox")
		if err == nil {
			err = executable.Write(to, program)
		}
		if err != nil {
			h.Fatal(err)
		}
	}
	config := `{"ociVersion":"1.3.0","process":{"args":["/bin/sh","-c","read line; echo $line"],"cwd":"/","user":{"uid":0,"gid":0}}`
	if properties != "" {
		config += "," + properties
	}
	if !strings.Contains(config, `"root":`) {
		config += `,"root":{"path":"rootfs"}`
	}
	s, problems := spec.Validate([]byte(strings.ReplaceAll(config, "DIR", h.dir)+"}"), spec.FreeBSD)
	if err := problems.Err(); err != nil {
		h.Fatal(err)
	}
	return c, s
}

// create makes a container and returns what its process reads and prints.
func (h *fakeHost) create(c *backends.Container, s *specs.Spec) (stdin, stdout *os.File, err error) {
	h.Helper()
	in, stdin, err := os.Pipe()
	if err != nil {
		h.Fatal(err)
	}
	stdout, out, err := os.Pipe()
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() {
		stdin.Close()
		stdout.Close()
	})
	defer in.Close()
	defer out.Close()
	err = h.backend.Create(context.Background(), c, s, backends.CreateOptions{Stdio: [3]*os.File{in, out, out}}, func() error { return nil })
	if err == nil {
		pid := c.Process.Pid
		h.Cleanup(func() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			_, _ = syscall.Wait4(pid, nil, 0, nil)
		})
	}
	return stdin, stdout, err
}
