package pct

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-oci/berth/backends"
)

// FuzzCluster parses arbitrary files of /etc/pve. It checks that VMIDs are positive numbers, that a
// lock is one line, and that only a comment line can be a description.
func FuzzCluster(f *testing.F) {
	const vmlist = `{"version": 6,"ids": {"100": {"node": "pve","type": "lxc","version": 5}}}`
	const members = `{"nodename": "pve", "version": 3, "cluster": {"name": "c", "version": 1, "nodes": 1, "quorate": 1}, "nodelist": {"pve": {"id": 1, "online": 1, "ip": "10.0.0.1"}}}`
	const config = "#OCI container c of berth.\n#berth-container%3A /run/berth/c\n#berth-container: /run/berth/c\narch: amd64\nhostname: c\nlock: create\n" +
		"rootfs: /var/tmp/b/rootfs\nmp0: local-lvm:vm-100-disk-0,mp=/data,size=8G\nunused0: local:100/vm-100-disk-1.raw\nlxc.include: /run/berth/c/lxc.conf\nlxc.include: /usr/share/lxc\n" +
		"[pve:pending]\nrootfs: local:100/x\n[snap]\n#berth-container: /run/berth/d\nlock: backup\n"
	f.Add(vmlist, members, config)
	f.Add(`{"version": 1}`, `{"nodename": "pve", "version": 0}`, "")
	f.Add(`{"ids": {"-1": {}, "007": 1, "99999999999999999999": null}}`, "[]", "#%zz\n#%0a\n#berth-container: /run/berth/c%0Alock: x\nlock: \nlock:x\nrootfs:\nrootfs: ,\n")
	f.Add("x", "x", "\x00\r\n#berth-container: /run/berth/c\r\n")
	f.Add("{}", "{}", strings.Repeat("#", 70000)+"\n#berth-container: /run/berth/c\n")
	f.Fuzz(func(t *testing.T, vmlist, members, config string) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "lxc"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{".vmlist": vmlist, ".members": members, "lxc/100.conf": config} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cluster := Cluster{Dir: dir}
		if ids, err := cluster.IDs(); err == nil {
			for id := range ids {
				if id <= 0 {
					t.Fatalf("%q: VMID %d", vmlist, id)
				}
			}
		}
		ct, err := cluster.Read(100)
		if err != nil || ct == nil {
			t.Fatalf("%q: %v, %v", config, ct, err)
		}
		if strings.ContainsAny(ct.Lock, "\n") {
			t.Fatalf("%q: lock %q", config, ct.Lock)
		}
		c := &backends.Container{ID: "c", Root: "/run/berth", Dir: "/run/berth/c"}
		marked := false
		for _, line := range ct.Description {
			marked = marked || line == marker(c)
		}
		if marked && !strings.Contains(config, "#") {
			t.Fatalf("%q: the notes bear a container's line", config)
		}
		if _, err := (&Enclosure{cluster: cluster}).cluster.Read(101); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzError parses arbitrary output of pct. It checks that there is at most one cause and that the
// error is one line.
func FuzzError(f *testing.F) {
	for _, words := range []string{
		"", "CT 100 already exists on node 'pve'", "unable to destroy CT 100 - container is running", "CT is locked (backup)",
		"400 Parameter verification failed.\nmemory: value must have a minimum value of 16\nvmid: type check ('integer') failed - got 'abc'",
		"ipcc_send_rec[1] failed: Connection refused\nipcc_send_rec[2] failed: Connection refused", "cluster not ready - no quorum?",
		"trying to acquire lock...\ncan't lock file '/run/lock/lxc/pve-config-100.lock' - got timeout", "Unknown option: nosuch\n400 unable to parse option",
		"startup for container '100' failed", "Configuration file 'nodes/pve/lxc/100.conf' does not exist", "storage 'x' does not exist", "\x00\xff\r\n",
	} {
		f.Add("create", "", words)
		f.Add("start", words, "")
	}
	causes := map[error]bool{nil: true}
	for _, t := range troubles {
		causes[t.cause] = true
	}
	failed := errors.New("exit status 255")
	f.Fuzz(func(t *testing.T, command, stdout, stderr string) {
		e := newError([]string{command, "100"}, stdout, stderr, failed)
		if !causes[e.Cause] || !errors.Is(e, failed) || e.Cause != nil && !errors.Is(e, e.Cause) {
			t.Fatalf("%q: cause %v", stderr, e.Cause)
		}
		if len(e.Parameters) > 0 && e.Cause != ErrParameter {
			t.Fatalf("%q: parameters %q", stderr, e.Parameters)
		}
		if strings.Contains(strings.TrimPrefix(e.Error(), "pct "+command), "\n") {
			t.Fatalf("%q has become %q", stderr, e.Error())
		}
	})
}
