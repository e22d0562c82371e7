//go:build linux && testhost

package freebsd

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/freebsd/host"
)

// TestStandin checks that the stand-in refuses what FreeBSD's tools refuse, because a berth that
// asks for it would not work there. Each key holds commands that prepare the host, separated by
// semicolons, and last the command that is refused.
func TestStandin(t *testing.T) {
	t.Parallel()
	const good = "jail -i -c name=p path=/ persist enforce_statfs=1; "
	for command, want := range map[string]string{
		// jail(8), jail_set(2)
		"jail -c name=x path=/ persist":                                                                                              "usage",
		"jail -i -c name=x path=/ enforce_statfs=1":                                                                                  "not persistent",
		"jail -i -c name=12 path=/ persist enforce_statfs=1":                                                                         "name cannot be numeric",
		"jail -i -c name=x path=/nowhere persist enforce_statfs=1":                                                                   "No such file or directory",
		"jail -i -c name=x path=/ persist enforce_statfs=3":                                                                          "Invalid argument",
		"jail -i -c name=x path=/ persist enforce_statfs=1 allow.everything":                                                         "unknown parameter",
		"jail -i -c name=x path=/ persist enforce_statfs=1 ip4=old":                                                                  "unknown value",
		"jail -i -c name=x name=y path=/ persist enforce_statfs=1":                                                                   "cannot redefine",
		"jail -i -c name=x path=/ persist enforce_statfs=1 vnet=new ip4.addr=10.0.0.1":                                               "vnet jails cannot have IP address restrictions",
		"jail -i -c name=x path=/ persist enforce_statfs=1 host=inherit host.hostname=x":                                             "Invalid argument",
		"jail -i -c name=q.x path=/ persist enforce_statfs=1":                                                                        `jail "q" not found`,
		good + "jail -i -c name=p path=/ persist enforce_statfs=1":                                                                   "already exists",
		good + "jail -i -c name=p.x path=/ persist enforce_statfs=1":                                                                 "Operation not permitted",
		good + "jail -m name=p children.max=1; jail -i -c name=p.x path=/ persist enforce_statfs=0":                                  "Operation not permitted",
		good + "jail -m name=p children.max=1; jail -i -c name=p.x path=/ persist enforce_statfs=1 allow.mlock":                      "Operation not permitted",
		good + "jail -m name=p children.max=1; jail -i -c name=p.x path=/ persist enforce_statfs=1; jail -m name=p.x children.max=1": "Operation not permitted",
		good + "jail -m name=p children.max=-1":                                                                                      "Invalid argument",
		"jail -m name=x children.max=1":                                                                                              `jail "x" not found`,
		"jail -R x":                                                                                                                  `jail "x" not found`,
		"jls -j x jid":                                                                                                               `jail "x" not found`,
		good + "jls -j p jid nothing":                                                                                                "unknown parameter",
		// mount(8), umount(8)
		"mount -t zfs a BOX/bundle/root/tmp":                "Operation not supported by device",
		"mount -t tmpfs tmpfs BOX/nowhere":                  "No such file or directory",
		"mount -t tmpfs -o nodev tmpfs BOX/bundle/root/tmp": "mount option <nodev> is unknown",
		"mount -t nullfs -o rbind / BOX/bundle/root/tmp":    "mount option <rbind> is unknown",
		"mount -t tmpfs tmpfs BOX/bundle/root/bin/sh":       "Not a directory",
		"umount -f BOX/bundle/root/tmp":                     "not a file system root directory",
		"umount BOX/bundle/root/tmp":                        "usage",
		// devfs(8)
		"devfs -m BOX/bundle/root/tmp rule apply path x unhide": "not a devfs",
		"devfs rule -s four show":                               "number expected",
		// ifconfig(8)
		"ifconfig em9 vnet p":                                       "interface em9 does not exist",
		"ifconfig epair0b vnet x":                                   `jail "x" not found`,
		good + "ifconfig epair0b vnet p":                            "SIOCSIFVNET",
		good + "ifconfig epair0b -vnet p":                           "Invalid argument",
		"ifconfig lo1 inet 10.0.0.1 netmask 255.255.255.255 -alias": "Can't assign requested address",
		"ifconfig lo1 inet 10.0.0.1 prefixlen 32 alias":             "bad value",
		// rctl(8)
		"rctl -a jail:x:cputime:deny=5":     "Operation not supported",
		"rctl -a jail:x:memoryuse:deny=all": "invalid numeric value",
		"rctl -a jail:x:memoryuse":          "malformed rule",
		"rctl -r jail:x":                    "No such process",
		// ps(1) prints nothing for a jail without processes.
		"ps -x -o pid= -J 99": "",
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			commands := strings.Split(strings.ReplaceAll(command, "BOX", b.dir), "; ")
			for i, c := range commands {
				words := strings.Fields(c)
				cmd := exec.Command(b.file("tools/"+words[0]), words[1:]...)
				cmd.Env = []string{host.Dir + "=" + b.file("host")}
				out, err := cmd.CombinedOutput()
				last := i == len(commands)-1
				if (err != nil) != last || last && !strings.Contains(string(out), want) {
					t.Errorf("%s: %v: %s", c, err, out)
				}
			}
		})
	}
}
