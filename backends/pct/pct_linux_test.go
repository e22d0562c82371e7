package pct

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

func TestCreateArgs(t *testing.T) {
	t.Parallel()
	o := &CreateOptions{
		VMID: 900001, Template: "/s/empty.tar", Rootfs: "/srv/root", Hostname: "web", Description: "one\ntwo",
		Tags: []string{"oci", "podman"}, Arch: "amd64", Pool: "p", Storage: "zfs", Net0: "name=eth0,bridge=vmbr0", Memory: 64, Swap: 0, CPULimit: 1.5,
	}
	want := []string{
		"create", "900001", "/s/empty.tar", "--rootfs", "/srv/root", "--ostype", "unmanaged", "--unprivileged", "0",
		"--arch", "amd64", "--hostname", "web", "--description", "one\ntwo", "--memory", "64", "--swap", "0",
		"--cmode", "shell", "--tags", "oci;podman", "--pool", "p", "--storage", "zfs", "--net0", "name=eth0,bridge=vmbr0", "--cpulimit", "1.5",
	}
	if got := o.args(); !reflect.DeepEqual(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func cluster(t *testing.T, files map[string]string) Cluster {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "lxc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Cluster{Dir: dir}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	c := cluster(t, map[string]string{
		".vmlist":         `{"version": 6,"ids": {"100": {"node": "pve","type": "lxc","version": 5},"200": {"node": "b","type": "qemu","version": 1}}}`,
		"lxc/100.conf":    "#OCI container a of berth.\n#berth-container%3A /run/berth/a\narch: amd64\nlock: create\n\n[snap]\n#berth-container%3A /run/berth/b\nlock: backup\n",
		"lxc/999999.conf": "arch: amd64\ndescription: berth-container: /run/berth/a\n",
	})
	ids, err := c.IDs()
	if err != nil || len(ids) != 2 || !ids[100] || !ids[200] {
		t.Errorf("ids %v, %v", ids, err)
	}
	ct, err := c.Read(100)
	if err != nil || ct == nil || ct.Lock != "create" {
		t.Fatalf("%+v, %v", ct, err)
	}
	for id, want := range map[string]kinship{"a": half, "b": stranger, "": stranger} {
		if got := ct.judge(&backends.Container{Root: "/run/berth", ID: id}, unclaimed); got != want {
			t.Errorf("CT 100 is to %q: %v, want %v", id, got, want)
		}
	}
	if other, err := c.Read(999999); err != nil || other.judge(&backends.Container{Root: "/run/berth", ID: "a"}, unclaimed) != stranger {
		t.Errorf("somebody else's CT is taken for ours (%v)", err)
	}
	if none, err := c.Read(7); none != nil || err != nil {
		t.Errorf("no CT: %+v, %v", none, err)
	}
	if err := c.Include(100, "/x"); err != nil {
		t.Fatal(err)
	}
	if err := c.Include(7, "/x"); err == nil {
		t.Error("a line was added to a CT that does not exist")
	}
}

func TestEmptyVMList(t *testing.T) {
	t.Parallel()
	if ids, err := cluster(t, map[string]string{".vmlist": `{"version": 1}`}).IDs(); err != nil || len(ids) != 0 {
		t.Errorf("%v, %v", ids, err)
	}
	for _, bad := range []string{"", "[]", `{"ids": {"x": {}}}`} {
		if _, err := cluster(t, map[string]string{".vmlist": bad}).IDs(); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	if _, err := (Cluster{Dir: t.TempDir()}).IDs(); err == nil {
		t.Error("no .vmlist is no error")
	}
}

// TestDescribe checks that nothing in config.json can pose as a marker, and that the name is always
// valid.
func TestDescribe(t *testing.T) {
	t.Parallel()
	limit, swap := int64(100<<20+1), int64(200<<20+1)
	j := &enclosure.Job{
		Container: &backends.Container{ID: strings.Repeat("ab", 32), Root: "/run/berth", Bundle: "/b\nberth-container: /run/berth/other", Rootfs: "/r"},
		Spec: &specs.Spec{Hostname: "My_Host.example!", Linux: &specs.Linux{Resources: &specs.LinuxResources{
			Memory: &specs.LinuxMemory{Limit: &limit, Swap: &swap}}}},
	}
	o := describe(j, &Settings{Tags: []string{"x"}})
	if o.Hostname != "my-host-example" || o.Memory != 101 || o.Swap != 100 {
		t.Errorf("%+v", o)
	}
	ct := &CT{Description: strings.Split(o.Description, "\n")}
	if ct.judge(j.Container, unclaimed) != half || ct.judge(&backends.Container{ID: "other", Root: "/run/berth"}, unclaimed) != stranger {
		t.Errorf("description %q", o.Description)
	}
	j.Spec.Hostname = ""
	if o := describe(j, &Settings{}); len(o.Hostname) > 63 || o.Hostname == "" {
		t.Errorf("hostname %q", o.Hostname)
	}
}
