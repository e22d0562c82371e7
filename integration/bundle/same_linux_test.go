//go:build testhost

package bundle

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

// TestRootIsThatOfPodman checks that berth bundle unpacks the image in every supported format to
// the same tree as podman mounts.
func TestRootIsThatOfPodman(t *testing.T) {
	mounted := strings.TrimSpace(must(t, "podman", "image", "mount", imageName))
	t.Cleanup(func() { must(t, "podman", "image", "unmount", imageName) })
	want := describe(t, mounted)
	if len(want) < 40 || want["opt/app/ping"] == "" || !strings.Contains(want["opt/app/ping"], "security.capability") || !strings.Contains(want["data/two"], "user.berth") {
		t.Fatalf("podman mounts %d files: %v", len(want), want)
	}
	for name, c := range map[string]struct {
		copy   []string // copies the image to PLACE
		source string
	}{
		"oci, gzip":      {[]string{"skopeo", "copy", "-q", "containers-storage:" + imageName, "oci:PLACE:v1"}, "oci:PLACE:v1"},
		"oci, zstd":      {[]string{"skopeo", "copy", "-q", "--dest-compress-format", "zstd", "containers-storage:" + imageName, "oci:PLACE:v1"}, "oci:PLACE"},
		"oci-archive":    {[]string{"skopeo", "copy", "-q", "containers-storage:" + imageName, "oci-archive:PLACE:v1"}, "oci-archive:PLACE:v1"},
		"docker-archive": {[]string{"skopeo", "copy", "-q", "containers-storage:" + imageName, "docker-archive:PLACE:x/layers:v1"}, "docker-archive:PLACE"},
		"podman save":    {[]string{"podman", "save", "-q", "-o", "PLACE", imageName}, "docker-archive:PLACE:" + imageName},
		"directory":      {nil, mounted},
		"tarball":        {[]string{"tar", "--xattrs", "--xattrs-include=*", "--sparse", "--format=pax", "-C", mounted, "-cf", "PLACE", "."}, "PLACE"},
		"tarball, zstd":  {[]string{"tar", "--zstd", "--xattrs", "--xattrs-include=*", "--format=pax", "-C", mounted, "-cf", "PLACE", "."}, "PLACE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			place := filepath.Join(dir, "image")
			fill := func(s string) string { return strings.ReplaceAll(s, "PLACE", place) }
			if c.copy != nil {
				words := make([]string, len(c.copy))
				for i, word := range c.copy {
					words[i] = fill(word)
				}
				must(t, words...)
			}
			bundle := filepath.Join(dir, "bundle")
			must(t, *program, "bundle", fill(c.source), bundle)
			if d := differences(describe(t, filepath.Join(bundle, "rootfs")), want); len(d) > 0 {
				t.Errorf("%d differences:\n%s", len(d), strings.Join(d, "\n"))
			}
		})
	}
}

// TestConfiguration checks that config.json has the image's configuration.
func TestConfiguration(t *testing.T) {
	s := readSpec(t, makeBundle(t, "--tty", "--hostname", "host", "--env", "MORE=1", "--annotation", "a=b"))
	p := s.Process
	if p.User.UID != 1234 || p.User.GID != 2345 || len(p.User.AdditionalGids) != 2 || p.Cwd != "/data" || p.Args[0] != "/bin/sh" || len(p.Args) != 3 || !p.Terminal || s.Hostname != "host" {
		t.Errorf("process %+v", p)
	}
	if env := strings.Join(p.Env, "\n"); !strings.Contains(env, "GREETING=good day") || !strings.Contains(env, "MORE=1") || !strings.Contains(env, "PATH=") {
		t.Errorf("environment %q", p.Env)
	}
	for key, want := range map[string]string{
		"org.opencontainers.image.stopSignal": "SIGUSR1", "org.opencontainers.image.exposedPorts": "8080", "org.example.note": "a label",
		"org.opencontainers.image.os": "linux", "a": "b", "run.oci.handler": "",
	} {
		if got := s.Annotations[key]; got != want && !strings.HasPrefix(got, want+"/tcp") {
			t.Errorf("annotation %s is %q", key, got)
		}
	}
	volume := s.Mounts[len(s.Mounts)-1]
	if options := strings.Join(volume.Options, ","); volume.Destination != "/srv/vol" || volume.Type != "tmpfs" || !strings.Contains(options, "tmpcopyup,mode=0750,uid=1234,gid=2345") {
		t.Errorf("volume %+v", volume)
	}
}

func readSpec(t *testing.T, bundle string) *specs.Spec {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(bundle, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s specs.Spec
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// makeBundle makes a bundle from the image, below suite.Dir().
func makeBundle(t *testing.T, flags ...string) string {
	t.Helper()
	dir, err := os.MkdirTemp(suite.Dir(), "bundle-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	archive := filepath.Join(dir, "image.tar")
	must(t, "skopeo", "copy", "-q", "containers-storage:"+imageName, "oci-archive:"+archive)
	bundle := filepath.Join(dir, "web")
	words := append([]string{*program, "bundle", "--quiet"}, flags...)
	must(t, append(words, "oci-archive:"+archive, bundle)...)
	return bundle
}

// TestBundleRuns runs a bundle on every backend with the image's own command.
func TestBundleRuns(t *testing.T) {
	bundle := makeBundle(t)
	must(t, *program, "validate", bundle)
	for name := range strings.SplitSeq(*backends, ",") {
		t.Run(name, func(t *testing.T) {
			got, err := do(*program, "--backend", name, "run", "-b", bundle, "bundle-"+name)
			if err != nil || got != wanted {
				t.Errorf("%v\ngot  %q\nwant %q", err, got, wanted)
			}
		})
	}
}
