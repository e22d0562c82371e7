package pct

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/osthread"
	"github.com/berth-oci/berth/spec"
)

// skeleton makes a root with the directories on which LXC mounts, which belongs to uid.
func skeleton(t *testing.T, uid int) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"", "dev", "proc", "sys"} {
		path := filepath.Join(root, dir)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Chmod(path, 0o755), os.Chown(path, uid, uid)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestMountPoints checks what of a root keeps LXC from mounting there.
func TestMountPoints(t *testing.T) {
	t.Parallel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 1000}}
	for name, c := range map[string]struct {
		uid    int
		ids    []specs.LinuxIDMapping
		change func(root string)
		words  string // "": no cause
	}{
		"fit":                    {0, nil, func(string) {}, ""},
		"fit, mapped":            {100000, ids, func(string) {}, ""},
		"/dev is a link":         {0, nil, func(r string) { must(errors.Join(os.Remove(r+"/dev"), os.Symlink("/tmp", r+"/dev"))) }, "LXC mounts on /dev, which is no directory"},
		"/proc is a file":        {0, nil, func(r string) { must(errors.Join(os.Remove(r+"/proc"), os.WriteFile(r+"/proc", nil, 0o600))) }, "LXC mounts on /proc, which is no directory"},
		"/sys is missing":        {0, nil, func(r string) { must(os.Remove(r + "/sys")) }, ""}, // LXC makes it
		"/sys, mapped":           {100000, ids, func(r string) { must(os.Remove(r + "/sys")) }, ""},
		"/sys, not to be made":   {0, ids, func(r string) { must(os.Remove(r + "/sys")) }, "user, 100000 on this host, cannot make it"},
		"/sys, open to all":      {0, ids, func(r string) { must(errors.Join(os.Remove(r+"/sys"), os.Chmod(r, 0o777))) }, ""},
		"not to be entered":      {0, ids, func(r string) { must(os.Chmod(r, 0o700)) }, "belongs to 0:0 and has mode 0700"},
		"entered by its owner":   {100000, ids, func(r string) { must(os.Chmod(r, 0o700)) }, ""},
		"another mapped user's":  {100999, ids, func(r string) { must(os.Chmod(r, 0o700)) }, ""},
		"one beyond the mapping": {101000, ids, func(r string) { must(os.Chmod(r, 0o700)) }, "belongs to 101000:101000"},
		"the group may enter":    {0, ids, func(r string) { must(errors.Join(os.Chown(r, 0, 100000), os.Chmod(r, 0o750))) }, ""},
		"the group may not":      {0, ids, func(r string) { must(errors.Join(os.Chown(r, 0, 100000), os.Chmod(r, 0o705))) }, "has mode 0705"},
		"gone":                   {0, nil, func(r string) { must(os.RemoveAll(r)) }, "open "},
	} {
		root := skeleton(t, c.uid)
		c.change(root)
		err := mountPoints(root, c.ids, c.ids)
		var field *spec.FieldError
		if (err == nil) != (c.words == "") || err != nil && (!errors.As(err, &field) || field.Path != "root.path" || !strings.Contains(err.Error(), c.words)) {
			t.Errorf("%s: %v, want %q", name, err, c.words)
		}
	}
}

// TestMountPointsReadOnly checks that a directory that LXC cannot make is the cause.
func TestMountPointsReadOnly(t *testing.T) {
	t.Parallel()
	root := skeleton(t, 0)
	if err := os.Remove(root + "/sys"); err != nil {
		t.Fatal(err)
	}
	err := osthread.Run(func() error {
		if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
			return err
		}
		const bind = unix.MS_BIND | unix.MS_RDONLY
		err := errors.Join(unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""), unix.Mount(root, root, "", unix.MS_BIND, ""),
			unix.Mount("", root, "", bind|unix.MS_REMOUNT, ""))
		if err != nil {
			return err
		}
		if err := mountPoints(root, nil, nil); err == nil || !strings.Contains(err.Error(), "LXC mounts on /sys, which is not there in "+root+", and the file system is read-only") {
			t.Errorf("%v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestStartError checks that an error of pct start is completed only if LXC was what failed.
func TestStartError(t *testing.T) {
	failed := func(text string) error {
		return newError([]string{"start", "900001"}, "", text, errors.New("exit status 1"))
	}
	const lxcFailed = "startup for container '900001' failed"
	lines := []string{"lxc.sysctl.net.x = 1", "lxc.cgroup2.y = 2"}
	for name, c := range map[string]struct {
		err     error
		said    string
		lines   []string
		network bool
		noDev   bool
		want    string
	}{
		"not LXC":               {failed("CT is locked (backup)"), "x", lines, true, true, failed("CT is locked (backup)").Error()},
		"said nothing":          {failed(lxcFailed), "", nil, false, false, "pct start 900001: " + lxcFailed},
		"said something":        {failed(lxcFailed), "no luck", nil, false, false, "pct start 900001: " + lxcFailed + ": LXC says: no luck"},
		"lines":                 {failed(lxcFailed), "no luck", lines, true, false, "pct start 900001: " + lxcFailed + ": LXC says: no luck (pct.lxc-lines of berth's configuration adds [\"lxc.sysctl.net.x = 1\" \"lxc.cgroup2.y = 2\"], which may be the cause)"},
		"lines for the network": {failed(lxcFailed), "no luck", lines, false, false, "pct start 900001: " + lxcFailed + ": LXC says: no luck (pct.lxc-lines of berth's configuration adds [\"lxc.cgroup2.y = 2\"], which may be the cause)"},
		"a known cause":         {failed(lxcFailed), "no luck", lines, true, true, "root.path: LXC mounts on /dev, which is no directory in ROOT: make it one: pct start 900001: " + lxcFailed + ": LXC says: no luck"},
	} {
		t.Run(name, func(t *testing.T) {
			fakeLXC(t)
			j, _ := newJob(t)
			j.Rootfs = skeleton(t, 0)
			if c.network {
				j.Spec.Linux.Namespaces = append(j.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
			}
			if c.noDev {
				if err := errors.Join(os.Remove(j.Rootfs+"/dev"), os.WriteFile(j.Rootfs+"/dev", nil, 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			got := (&Enclosure{settings: Settings{Lines: c.lines}}).startError(j, c.said, c.err)
			if want := strings.ReplaceAll(c.want, "ROOT", j.Rootfs); got.Error() != want || !errors.Is(got, c.err) {
				t.Errorf("%v\nwant %s", got, want)
			}
		})
	}
}

// TestClusterFailed checks that an error of the cluster file system has a cause, and does not look
// like an error of the container's program.
func TestClusterFailed(t *testing.T) {
	t.Parallel()
	c := Cluster{Dir: "/etc/pve"}
	for errno, want := range map[unix.Errno]struct {
		cause error
		words string
	}{
		unix.EACCES:   {ErrNoQuorum, "read it in /etc/pve: the cluster has no quorum (see 'pvecm status')"},
		unix.ENOTCONN: {ErrDown, "read it in /etc/pve: the cluster file system is down (see 'systemctl status pve-cluster')"},
		unix.EIO:      {unix.EIO, "read it: open x: input/output error: see 'systemctl status pve-cluster'"},
	} {
		err := c.failed("read it", &os.PathError{Op: "open", Path: "x", Err: errno})
		if !errors.Is(err, want.cause) || !errors.Is(err, errno) || err.Error() != want.words {
			t.Errorf("%v: %v, want %q", errno, err, want.words)
		}
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "lxc/100.conf"), 0o700); err != nil {
		t.Fatal(err)
	}
	broken := Cluster{Dir: dir}
	if _, err := broken.Read(100); err == nil || !strings.HasPrefix(err.Error(), "read the configuration of CT 100: ") {
		t.Errorf("%v", err)
	}
	if err := broken.Include(100, "/x"); err == nil || !strings.HasPrefix(err.Error(), "add a line to the configuration of CT 100: ") {
		t.Errorf("%v", err)
	}
}

// TestBlame checks which field of config.json an option that pct refuses comes from.
func TestBlame(t *testing.T) {
	t.Parallel()
	o := &CreateOptions{VMID: 1, HostnameFrom: "hostname", CPULimit: 1, CPUUnits: 2, Net0: "name=eth0", Pool: "p", Tags: []string{"oci"}}
	for text, want := range map[string]string{
		"400 Parameter verification failed.\nmemory: too large":          "linux.resources.memory.limit: ",
		"400 Parameter verification failed.\nswap: too large\nmemory: x": "linux.resources.memory.limit: ", // the first option
		"400 Parameter verification failed.\nhostname: invalid format":   "hostname: ",
		"400 Parameter verification failed.\ncpulimit: too large":        "linux.resources.cpu.quota: ",
		"400 Parameter verification failed.\ncpuunits: too large":        "linux.resources.cpu.shares: ",
		"400 Parameter verification failed.\nnet0: invalid format":       "annotations: ",
		"400 Parameter verification failed.\npool: invalid format":       "pct create 1: ",
		"400 Parameter verification failed.\nnosuch: invalid format":     "pct create 1: ",
		"unable to create CT 1 - directory '/x' does not exist":          "root.path: ",
		"CT is locked (backup)":                                 "pct create 1: ",
		"403 Permission check failed (pool 'p' does not exist)": "pct create 1: ",
	} {
		cause := newError(o.args(), "", text, errors.New("exit status 255"))
		err := o.blame(fmt.Errorf("%w", cause))
		if !strings.HasPrefix(err.Error(), want) || !errors.Is(err, cause.Err) || !strings.Contains(err.Error(), "pct create 1: ") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if err := o.blame(os.ErrClosed); err != os.ErrClosed {
		t.Errorf("%v", err)
	}
}
