//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/pve/host"
)

const plainConfig = "arch: amd64\nmemory: 512\nostype: unmanaged\nrootfs: /srv/ct\n"

func withConfig(extra string) func(*node) {
	return func(n *node) { n.write("etc/pve/lxc/100.conf", plainConfig+extra) }
}

func withRunning(n *node) {
	withConfig("")(n)
	n.listen("100")
}

const ostypes = "debian, devuan, ubuntu, centos, fedora, opensuse, archlinux, alpine, gentoo, nixos, unmanaged"

const createUsage = "pct create <vmid> <ostemplate> [OPTIONS]\n"

// TestErrors has one row for every error that needs no real container, with its message, stream and
// status.
func TestErrors(t *testing.T) {
	t.Parallel()
	missing := "Configuration file 'nodes/pve/lxc/100.conf' does not exist\n"
	bad := "400 Parameter verification failed.\n"
	words := func(s string) []string { return strings.Fields(s) }
	tests := []struct {
		name   string
		before func(*node)
		args   []string
		stderr string
		stdout string // a part of it
	}{
		{name: "status of nothing", args: words("status 100"), stderr: missing},
		{name: "config of nothing", args: words("config 100"), stderr: missing},
		{name: "start of nothing", args: words("start 100"), stderr: missing},
		{name: "destroy of nothing", args: words("destroy 100"), stderr: missing},
		{name: "exec of nothing", args: words("exec 100 -- true"), stderr: missing},
		{name: "stop of nothing", args: words("stop 100"), stderr: "CT 100 not running\n"},
		{name: "stop of a stopped one", before: withConfig(""), args: words("stop 100"), stderr: "CT 100 not running\n"},
		{name: "shutdown of a stopped one", before: withConfig(""), args: words("shutdown 100"),
			stderr: "CT 100 not running\n"},
		{name: "exec in a stopped one", before: withConfig(""), args: words("exec 100 -- true"),
			stderr: "container '100' not running!\n"},
		{name: "enter a stopped one", before: withConfig(""), args: words("enter 100"),
			stderr: "container '100' not running!\n"},
		{name: "start of a running one", before: withRunning, args: words("start 100"),
			stderr: "CT 100 already running\n"},
		{name: "destroy of a running one", before: withRunning, args: words("destroy 100"),
			stderr: "unable to destroy CT 100 - container is running\n"},
		{name: "start of a locked one", before: withConfig("lock: backup\n"), args: words("start 100"),
			stderr: "CT is locked (backup)\n"},
		{name: "destroy of a locked one", before: withConfig("lock: backup\n"), args: words("destroy 100"),
			stderr: "CT is locked (backup)\n"},
		{name: "set of a locked one", before: withConfig("lock: backup\n"), args: words("set 100 --memory 64"),
			stderr: "CT is locked (backup)\n"},
		{name: "destroy of a protected one", before: withConfig("protection: 1\n"), args: words("destroy 100"),
			stderr: "can't remove CT 100 - protection mode enabled\n"},
		{name: "unlock of an unlocked one", before: withConfig(""), args: words("unlock 100"),
			stderr: "no lock found trying to remove any lock\n"},
		{name: "ID of a CT", before: withConfig(""), args: creation("100"),
			stderr: "CT 100 already exists on node 'pve'\n"},
		{name: "ID of a VM", before: func(n *node) { n.write("etc/pve/qemu-server/100.conf", "name: x\n") },
			args: creation("100"), stderr: "VM 100 already exists on node 'pve'\n"},
		{name: "ID on another node", before: func(n *node) { n.write("etc/pve/nodes/two/lxc/100.conf", "") },
			args: creation("100"), stderr: "CT 100 already exists on node 'two'\n"},
		{name: "no template", args: words("create 100"), stderr: "400 not enough arguments\n" + createUsage},
		{name: "too many words", args: words("create 100 /a /b"), stderr: "400 too many arguments\n" + createUsage},
		{name: "memory too small", args: creation("100", "--memory", "15"),
			stderr: bad + "memory: value must have a minimum value of 16\n" + createUsage},
		{name: "ID too small", args: creation("99"),
			stderr: bad + "vmid: invalid format - value does not look like a valid VM ID\n\n" + createUsage},
		{name: "ID not a number", args: creation("abc"),
			stderr: bad + "vmid: type check ('integer') failed - got 'abc'\n" + createUsage},
		{name: "host name", args: creation("100", "--hostname", "a_b"),
			stderr: bad + "hostname: invalid format - value does not look like a valid DNS name\n\n" + createUsage},
		{name: "ostype", args: words("create 100 /empty.tar --ostype foo"), stderr: bad +
			"ostype: value 'foo' does not have a value in the enumeration '" + ostypes + "'\n" + createUsage},
		{name: "part of a property", args: creation("100", "--net0", "name=eth0,tag=5000"), stderr: bad +
			"net0: invalid format - format error\nnet0.tag: value must have a maximum value of 4094\n\n" + createUsage},
		{name: "key of a property", args: creation("100", "--net0", "name=eth0,colour=red"), stderr: bad +
			"net0: invalid format - invalid key in comma-separated list property: colour\n\n" + createUsage},
		{name: "boolean", args: creation("100", "--onboot", "perhaps"),
			stderr: "400 unable to parse boolean option\n" + createUsage},
		{name: "unknown option", args: creation("100", "--nosuch", "1"),
			stderr: "Unknown option: nosuch\n400 unable to parse option\n" + createUsage},
		{name: "unknown storage", args: words("create 100 /empty.tar --storage nosuch"),
			stderr: "storage 'nosuch' does not exist\n"},
		{name: "storage without CTs", args: words("create 100 /empty.tar"), stderr: bad +
			"storage: storage 'local' does not support container directories\n" + createUsage},
		{name: "template missing", args: []string{"create", "100", "/x.tar.gz", "--rootfs", "/srv/ct"},
			stderr: "unable to create CT 100 - can't find file '/x.tar.gz'\n"},
		{name: "template volume missing", args: []string{"create", "100", "local:vztmpl/x.tar", "--rootfs", "/srv/ct"},
			stderr: "unable to create CT 100 - volume 'local:vztmpl/x.tar' does not exist\n"},
		{name: "template no archive", before: func(n *node) { n.write("x.zip", "") },
			args:   []string{"create", "100", "/x.zip", "--rootfs", "/srv/ct"},
			stderr: "unable to create CT 100 - file does not look like a template archive: /x.zip\n"},
		{name: "rootfs missing", args: words("create 100 /empty.tar --rootfs /x"), stdout: "mounting container failed\n",
			stderr: "unable to create CT 100 - directory '/x' does not exist\n"},
		{name: "rootfs a symlink", args: words("create 100 /empty.tar --rootfs /srv/link"),
			stderr: "unable to create CT 100 - symlink encountered at: //srv/link\n"},
		{name: "rootfs behind a symlink", args: words("create 100 /empty.tar --rootfs /srv/link/bin"),
			stderr: "unable to create CT 100 - symlink encountered at: //srv/link\n"},
		{name: "mount point without root", args: words("create 100 /empty.tar --mp0 /srv/other,mp=/x"),
			stderr: "mount points configured, but 'rootfs' not set - aborting\n"},
		{name: "no ostype found", args: words("create 100 /empty.tar --rootfs /srv/ct"),
			stderr: "unable to create CT 100 - unable to detect OS distribution\n"},
		{name: "missing bridge", before: withConfig("net0: name=eth0,bridge=nobr0,type=veth\n"), args: words("start 100"),
			stderr: "bridge 'nobr0' does not exist\n"},
		{name: "no such pool", args: words("create 100 x --ostype unmanaged --rootfs /srv/ct --pool nosuch"),
			stderr: "403 Permission check failed (pool 'nosuch' does not exist)\n"},
		{name: "snapshot", before: withConfig(""), args: words("snapshot 100 one"),
			stderr: "snapshot feature is not available\n"},
		{name: "rollback to nothing", before: withConfig(""), args: words("rollback 100 one"),
			stderr: "snapshot 'one' does not exist\n"},
		{name: "push to a stopped one", before: withConfig(""), args: words("push 100 /a /b"),
			stderr: "can only push files to a running CT\n"},
		{name: "template start", before: withConfig("template: 1\n"), args: words("start 100"),
			stderr: "you can't start a CT if it's a template\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, host.Settings{})
			if test.before != nil {
				test.before(n)
			}
			before := n.exists("etc/pve/lxc/100.conf")
			o := n.pct(test.args...)
			if o.stderr != test.stderr || o.status == 0 || !strings.Contains(o.stdout, test.stdout) {
				t.Errorf("pct %q: status %d\nstdout %q\nstderr %q\nwanted %q", test.args, o.status, o.stdout, o.stderr, test.stderr)
			}
			if after := n.exists("etc/pve/lxc/100.conf"); after != before || n.vmlistHas("100") && !before &&
				!strings.Contains(test.stderr, "already exists") {
				t.Errorf("configuration there before: %v, after: %v; %s", before, after, n.read("etc/pve/.vmlist"))
			}
			if n.exists("srv/ct/etc") {
				t.Error("the root was written to")
			}
		})
	}
}

// TestUnknownCommands checks that a command that the stand-in lacks is refused like a mistyped one.
func TestUnknownCommands(t *testing.T) {
	t.Parallel()
	n := newNode(t, host.Settings{})
	withConfig("")(n)
	for _, name := range []string{"nosuch", "clone", "migrate", "mount", "suspend", "rescan"} {
		o := n.pct(name, "100")
		if want := "ERROR: unknown command 'pct " + name + "'\nUSAGE: pct <COMMAND> "; o.status != 255 || !strings.HasPrefix(o.stderr, want) {
			t.Errorf("%s: status %d, stderr %q", name, o.status, o.stderr)
		}
	}
}
