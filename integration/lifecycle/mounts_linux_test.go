//go:build linux && integration

package lifecycle

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

// otherMounts starts a process in a new mount namespace and returns its pid.
func otherMounts(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	suite.Adopt(cmd.Process.Pid)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		suite.WaitFor(t, cmd.Process.Pid)
	})
	return cmd.Process.Pid
}

// TestSharedMountNamespace checks that a container in the host's mount namespace, or in one that it
// joins, has its own root there, and that delete leaves no mount.
func TestSharedMountNamespace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		other bool // joins a mount namespace
		pids  bool // joins a pid namespace, too
		edit  func(*specs.Spec)
	}{
		{name: "host"},
		{name: "joined", other: true},
		{name: "host, joined processes", pids: true},
		{name: "joined, joined processes", other: true, pids: true},
		{name: "host, all of it", edit: func(s *specs.Spec) {
			s.Linux.Namespaces = nil
			s.Hostname = ""
			s.Linux.RootfsPropagation = "slave"
		}},
		{name: "host, time", edit: func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "echo $(readlink /proc/self/ns/mnt) >/out/ns; mkdir /made; echo started >/out/started; exec sleep 1000")
			member, path := os.Getpid(), ""
			if c.other {
				member = otherMounts(t)
				path = fmt.Sprintf("/proc/%d/ns/mnt", member)
			}
			suite.Share(specs.MountNamespace, path)(b.spec)
			b.spec.Linux.MaskedPaths, b.spec.Linux.ReadonlyPaths = nil, nil
			if c.pids {
				a := b.sibling("pids", forever)
				a.create()
				a.start()
				a.sharePIDs()(b.spec)
			}
			if c.edit != nil {
				c.edit(b.spec)
			}
			b.write()
			was := suite.MountsBelow(t, member, b.bundle)
			b.running()
			if got, want := strings.TrimSpace(b.awaitFile("ns")), suite.Namespace(t, member, "mnt"); got != want {
				t.Errorf("its mount namespace is %s, want %s", got, want)
			}
			if got := suite.MountsBelow(t, member, b.bundle); !slices.Contains(got, b.rootfs()) || !slices.Contains(got, b.rootfs()+"/proc") {
				t.Errorf("mounts: %q", got)
			}
			if out := b.must("exec", b.id, "sh", "-c", "ls -d /made; readlink /proc/self/ns/mnt"); out != "/made\n"+suite.Namespace(t, member, "mnt")+"\n" {
				t.Errorf("exec sees %q", out)
			}
			b.kill()
			b.await("stopped")
			b.must("delete", b.id)
			if got := suite.MountsBelow(t, member, b.bundle); !slices.Equal(got, was) {
				t.Errorf("left behind: %q, there was %q", got, was)
			}
			if _, err := os.Stat(filepath.Join(b.rootfs(), "made")); err != nil {
				t.Errorf("what it wrote: %v", err)
			}
		})
	}
}

// TestSharedMountNamespaceUndone checks that a create that fails removes its mounts and keeps the
// engine's, and that delete does so after a create that was killed.
func TestSharedMountNamespaceUndone(t *testing.T) {
	t.Parallel()
	b := newBox(t, "exit 0", suite.Share(specs.MountNamespace, ""))
	b.spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "mountpoint -q " + b.rootfs() + "/proc && echo there >" + b.out + "/hook; exit 1"}}}}
	b.write()
	suite.Output(t, "mount", "--bind", b.rootfs(), b.rootfs())
	defer suite.Output(t, "umount", b.rootfs())
	was := suite.MountsBelow(t, os.Getpid(), b.bundle)
	if len(was) != 1 {
		t.Fatalf("mounts: %q", was)
	}
	b.refused("hooks.createRuntime[0]", b.createArgs()...)
	b.awaitFile("hook")
	if got := suite.MountsBelow(t, os.Getpid(), b.bundle); !slices.Equal(got, was) {
		t.Errorf("left behind: %q, there was %q", got, was)
	}

	b.spec.Hooks.CreateRuntime[0].Args[2] = "echo there >" + b.out + "/again; while kill -0 $PPID; do sleep 0.02; done"
	b.write()
	cmd := b.command(b.createArgs()...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	suite.Adopt(cmd.Process.Pid)
	b.awaitFile("again")
	_ = cmd.Process.Kill()
	suite.WaitFor(t, cmd.Process.Pid)
	b.must("delete", "--force", b.id)
	if got := suite.MountsBelow(t, os.Getpid(), b.bundle); !slices.Equal(got, was) {
		t.Errorf("left behind after create was killed: %q, there was %q", got, was)
	}
}

// TestSourceInEarlierMount checks a bind mount whose source is in the root, where an earlier mount
// of the config puts it: mounts are made in the listed order (config.md#mounts).
func TestSourceInEarlierMount(t *testing.T) {
	t.Parallel()
	b := newBox(t, "echo x >/made/sub/file; cat /bound/file >/out/file; exec sleep 1000")
	from := filepath.Join(filepath.Dir(b.bundle), "from")
	if err := os.MkdirAll(from+"/sub", 0o755); err != nil {
		t.Fatal(err)
	}
	b.spec.Mounts = append(b.spec.Mounts,
		specs.Mount{Destination: "/made", Type: "bind", Source: from, Options: []string{"bind"}},
		specs.Mount{Destination: "/bound", Type: "bind", Source: b.rootfs() + "/made/sub", Options: []string{"bind", "ro"}})
	b.write()
	if o := b.berth("validate", b.bundle); o.Status != 0 {
		t.Errorf("validate: %s%s", o.Stdout, o.Stderr)
	}
	b.create()
	b.start()
	if got := b.awaitFile("file"); got != "x\n" {
		t.Errorf("the container reads %q", got)
	}
}
