package bundle

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-tools/generate"
)

func volumeSet(list ...string) map[string]struct{} {
	set := map[string]struct{}{}
	for _, name := range list {
		set[name] = struct{}{}
	}
	return set
}

func TestMountVolumes(t *testing.T) {
	t.Parallel()
	root := volumesRoot(t)
	ids := fmt.Sprintf("uid=%d,gid=%d", os.Getuid(), os.Getgid())
	for name, want := range map[string]string{
		"/data":         "/data nosuid,nodev,tmpcopyup,mode=1777," + ids,
		"data/":         "/data nosuid,nodev,tmpcopyup,mode=1777," + ids,
		"/relative":     "/relative nosuid,nodev,tmpcopyup,mode=1777," + ids,
		"/var/run":      "/var/run nosuid,nodev,tmpcopyup,mode=0755," + ids,
		"/new/deep":     "/new/deep nosuid,nodev,mode=0755",
		"../../../data": "/data nosuid,nodev,tmpcopyup,mode=1777," + ids,
		"/dangling":     "/dangling nosuid,nodev,mode=0755",
		"/out":          "/out nosuid,nodev,tmpcopyup,mode=0755," + ids, // the root itself, and not the host's
		// Errors.
		"/":           "error: the image has its root as a volume",
		"/..":         "error: the image has its root as a volume",
		"/etc/file":   "error: volume /etc/file of the image: not a directory",
		"/etc/file/x": "error: volume /etc/file/x of the image: ",
		"/loop":       "error: volume /loop of the image: ",
	} {
		g, err := generate.New("linux")
		if err != nil {
			t.Fatal(err)
		}
		before := len(g.Config.Mounts)
		err = mountVolumes(&g, root, volumeSet(name))
		if refused, ok := strings.CutPrefix(want, "error: "); ok {
			if err == nil || !strings.HasPrefix(err.Error(), refused) {
				t.Errorf("%s: %v, want %s", name, err, refused)
			}
			continue
		}
		if err != nil || len(g.Config.Mounts) != before+1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m := g.Config.Mounts[before]
		if got := m.Destination + " " + strings.Join(m.Options, ","); got != want || m.Type != "tmpfs" || m.Source != "tmpfs" {
			t.Errorf("%s: %+v, want %s", name, m, want)
		}
	}
}

// TestMakeVolumes checks directories of volumes, and that no link of the image leads out of the
// root.
func TestMakeVolumes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		made string // below the root
		err  string
	}{
		"/new":            {made: "new"},
		"new/deep/er":     {made: "new/deep/er"},
		"/var/run/mysqld": {made: "run/mysqld"},
		"/relative/x":     {made: "data/x"},
		"/out/x":          {made: "x"},
		"../../x":         {made: "x"},
		"/data":           {},
		"/":               {},
		"/etc/file":       {},
		"/etc/file/x":     {err: "make a directory for volume /etc/file/x of the image: "},
		"/dangling":       {err: "make a directory for volume /dangling of the image: mkdir /dangling: file exists"},
		"/dangling/x":     {err: "make a directory for volume /dangling/x of the image: mkdir /dangling: file exists"},
		"/loop/x":         {err: "make a directory for volume /loop/x of the image: "},
	} {
		root := volumesRoot(t)
		before := tree(t, root)
		err := makeVolumes(root, volumeSet(name))
		if c.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.err) {
				t.Errorf("%s: %v, want %s", name, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var made []string
		for _, path := range tree(t, root) {
			if !slices.Contains(before, path) {
				made = append(made, path)
			}
		}
		if got := strings.Join(made, " "); !strings.HasSuffix(got, c.made) || c.made == "" && got != "" {
			t.Errorf("%s: made %q, want %q", name, got, c.made)
		}
		if others := names(t, filepath.Dir(root)); others != "rootfs" {
			t.Errorf("%s: beside the root is %s", name, others)
		}
	}
	if err := makeVolumes("/nowhere", volumeSet("/x")); err == nil {
		t.Error("without a root")
	}
}
