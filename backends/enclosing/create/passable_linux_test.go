package create

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

func TestPassable(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Fatal("root is needed")
	}
	mapped := []specs.LinuxIDMapping{{HostID: 100000, Size: 65536}}
	mode := func(dir string) os.FileMode {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	for _, c := range []struct {
		name, base string
		maps       []specs.LinuxIDMapping
		want       os.FileMode
		err        string
	}{
		{"no user namespace", "/run", nil, 0o700, ""},
		{"below /run", "/run", mapped, 0o711, ""},
		{"elsewhere", "", mapped, 0o700, "chmod o+x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			base, err := os.MkdirTemp(c.base, "passable")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(base) })
			root := filepath.Join(base, "runc", "k8s.io")
			if err := os.MkdirAll(root, 0o700); err != nil {
				t.Fatal(err)
			}
			j := &enclosure.Job{Container: &backends.Container{Root: root}, UIDMap: c.maps}
			err = passable(j)
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("%v", err)
			}
			for _, dir := range []string{root, filepath.Dir(root)} {
				if got := mode(dir); got != c.want {
					t.Errorf("%s is %o, not %o", dir, got, c.want)
				}
			}
		})
	}
}
