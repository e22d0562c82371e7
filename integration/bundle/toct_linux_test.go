//go:build testhost

package bundle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

// storage is a directory storage of the node for the volumes of CTs.
const storage = "berth-test"

func addStorage(t *testing.T) {
	t.Helper()
	const file = "/etc/pve/storage.cfg"
	before, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	path := filepath.Join(suite.Dir(), "storage")
	text := "dir: local\n\tpath /var/lib/vz\n\tcontent iso,vztmpl,backup\n\ndir: " + storage + "\n\tpath " + path + "\n\tcontent rootdir\n"
	if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if before == nil {
			os.Remove(file)
		} else if err := os.WriteFile(file, before, 0o640); err != nil {
			t.Error(err)
		}
	})
}

// TestPersistentCT makes an ordinary CT whose volume is the image's root and whose entry point is
// the image's process. pct start must start it.
func TestPersistentCT(t *testing.T) {
	addStorage(t)
	archive := filepath.Join(t.TempDir(), "image.tar")
	must(t, "podman", "save", "-q", "--format", "oci-archive", "-o", archive, imageName)
	mounted := strings.TrimSpace(must(t, "podman", "image", "mount", imageName))
	defer must(t, "podman", "image", "unmount", imageName)
	for _, kind := range []struct {
		name  string
		flags []string
		shift uint32
		// LXC sets additional groups only in privileged containers.
		groups string
	}{{"unprivileged", nil, 100000, "2345"}, {"privileged", []string{"--privileged"}, 0, "2345 44 4444"}} {
		t.Run(kind.name, func(t *testing.T) {
			words := append([]string{*program, "bundle", "-q", "--to-ct", "--storage", storage, "--hostname", "web"}, kind.flags...)
			command := `id -u > /srv/vol/out; id -G >> /srv/vol/out; pwd >> /srv/vol/out; echo "$GREETING" >> /srv/vol/out; exec sleep 1000`
			vmid := strings.TrimSpace(must(t, append(words, "oci-archive:"+archive, "--", command)...))
			defer do("pct", "destroy", vmid, "--force", "1")
			config := must(t, "pct", "config", vmid)
			for _, line := range []string{"entrypoint: /bin/sh -c '" + command + "'", "hostname: web", "rootfs: " + storage + ":" + vmid + "/"} {
				if !strings.Contains(config, line) {
					t.Errorf("the configuration has no %q:\n%s", line, config)
				}
			}
			volumes, _ := filepath.Glob(filepath.Join(suite.Dir(), "storage/images", vmid, "*"))
			if len(volumes) != 1 {
				t.Fatalf("volumes %v", volumes)
			}
			if d := differences(shifted(t, volumes[0], kind.shift), describe(t, mounted)); len(d) > 0 {
				t.Errorf("%d differences:\n%s", len(d), strings.Join(d, "\n"))
			}
			must(t, "pct", "start", vmid)
			out := filepath.Join(volumes[0], "srv/vol/out")
			want := "1234\n" + kind.groups + "\n/data\ngood day\n"
			got := ""
			said := suite.Becomes(suite.Patience, func() bool {
				data, _ := os.ReadFile(out)
				got = string(data)
				return got == want
			})
			if !said {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			must(t, "pct", "stop", vmid)
			must(t, "pct", "destroy", vmid)
			if left, _ := filepath.Glob(filepath.Join(suite.Dir(), "storage/images", vmid)); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
	if left, _ := filepath.Glob("/var/tmp/.ct.berth-*"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestPersistentCTRefused checks that what Proxmox VE cannot store is refused before anything is
// made.
func TestPersistentCTRefused(t *testing.T) {
	addStorage(t)
	archive := filepath.Join(t.TempDir(), "image.tar")
	must(t, "podman", "save", "-q", "--format", "oci-archive", "-o", archive, imageName)
	before := must(t, "pct", "list")
	for _, c := range []struct{ flag, value, storage, words string }{
		{"--env", "A=two\nlines", storage, "process.env["},
		{"--entrypoint", "/bin/\x01", storage, "process.args[0]"},
		{"--hostname", "x", "missing", "storage 'missing' does not exist"},
	} {
		_, err := do(*program, "bundle", "-q", "--to-ct", "--storage", c.storage, c.flag, c.value, "oci-archive:"+archive)
		if err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s %q: error %v", c.flag, c.value, err)
		}
	}
	if after := must(t, "pct", "list"); after != before {
		t.Errorf("CTs: %s", after)
	}
	if left, _ := filepath.Glob("/var/tmp/.ct.berth-*"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
