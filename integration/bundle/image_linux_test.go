//go:build testhost

package bundle

import (
	"fmt"
	"os/exec"
	"strings"
)

// imageName is the name of the test's image.
const imageName = "localhost/berth-test/layers"

// steps are shell scripts that make the image's layers, one each. They run on the host in the root
// of the image.
var steps = []string{
	`mkdir -p opt/app data/deep gone replaced srv/vol tmp/sticky etc home/app
	 echo 'root:x:0:0:root:/root:/bin/sh' > etc/passwd
	 echo 'app:x:1234:2345:app:/home/app:/bin/sh' >> etc/passwd
	 printf 'root:x:0:\nstaff:x:2345:\nvideo:x:44:app\nextra:x:4444:app,other\n' > etc/group
	 echo one > data/one; echo two > data/two; echo deep > data/deep/file; echo lower > replaced/lower
	 echo gone > gone/file; echo seed > srv/vol/seed; chown 1234:2345 srv/vol srv/vol/seed; chmod 0750 srv/vol
	 ln data/one data/one.hard; ln -s one data/link; ln -s /nowhere/at/all data/dangling
	 cp bin/busybox opt/app/tool; chown 1234:2345 opt/app/tool; chmod 4755 opt/app/tool
	 cp bin/busybox opt/app/ping; setcap cap_net_raw+ep opt/app/ping
	 setfattr -n user.berth -v 'a value' data/two; setfattr -n user.dir -v d data/deep
	 mkfifo -m 0620 data/fifo; chmod 1777 tmp/sticky; chown 7:8 tmp/sticky; chmod 2755 opt/app
	 truncate -s 4M data/sparse; printf end >> data/sparse
	 mkdir old; echo x > old/x; ln -s data ldir
	 touch -d '2001-02-03 04:05:06.789012345' data/two data/deep; touch -h -d '1999-01-01 00:00:01.5' data/link`,
	`rm data/one.hard gone/file; rmdir gone; ln data/one data/again; rm -r replaced; mkdir replaced; echo upper > replaced/upper
	 rm -r old; echo file > old; chmod 0700 data/deep; setfattr -x user.dir data/deep; setfattr -n user.new -v n data/deep`,
	`rm ldir; mkdir ldir; echo in > ldir/in; rm data/again; echo three > data/three; ln data/three data/deep/three
	 rm -r data/deep; mkdir data/deep; echo new > data/deep/new; chown 1234 data/three; chmod u+s data/three`,
}

// makeImage builds the image with one layer for each of steps.
func makeImage() error {
	from := *base
	for n, step := range steps {
		container, err := do("buildah", "from", "--pull-never", from)
		if err != nil {
			return err
		}
		container = strings.TrimSpace(container)
		root, err := do("buildah", "mount", container)
		if err != nil {
			return err
		}
		shell := exec.Command("sh", "-euc", step)
		shell.Dir = strings.TrimSpace(root)
		if out, err := shell.CombinedOutput(); err != nil {
			return fmt.Errorf("step %d: %w: %s", n+1, err, out)
		}
		if n == len(steps)-1 {
			if _, err := do("buildah", "config", "--user", "app", "--workingdir", "/data", "--env", "GREETING=good day",
				"--entrypoint", `["/bin/sh","-c"]`, "--cmd", "'id -u; id -g; id -G; pwd; echo $GREETING; cat /srv/vol/seed; test -u /opt/app/tool && echo setuid; echo done'",
				"--volume", "/srv/vol", "--label", "org.example.note=a label", "--label", "run.oci.handler=wasm", "--port", "8080", "--stop-signal", "SIGUSR1", container); err != nil {
				return err
			}
		}
		from = imageName
		if _, err := do("buildah", "commit", "--quiet", "--rm", container, from); err != nil {
			return err
		}
	}
	return nil
}

// wanted is what the image's own command prints.
const wanted = "1234\n2345\n2345 44 4444\n/data\ngood day\nseed\nsetuid\ndone\n"
