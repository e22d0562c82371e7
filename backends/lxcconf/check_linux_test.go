package lxcconf

import (
	"strings"
	"testing"
)

func TestCheckPath(t *testing.T) {
	t.Parallel()
	for path, valid := range map[string]bool{
		"/run/berth/a_b+c.d-9": true, "/run/containerd/runc/k8s.io/x": true, "/a@b": true,
		"/" + strings.Repeat("long/", 800): true,
		"/run/a b":                         false, "/run/a\nb": false, "/run/a\x00b": false, "/run/a\tb": false,
		"/run/$(id)": false, "/run/a'b": false, `/run/a"b`: false, "/run/a;b": false, "/run/a`b": false,
		"/run/a%b": false, "/run/a\\b": false, "/run/a#b": false, "/run/a=b": false, "/run/ä": false, "/run/\xff": false,
	} {
		err := CheckPath(path)
		if valid != (err == nil) {
			t.Errorf("%q: %v, want valid: %v", path, err, valid)
		}
		if err != nil && (!strings.Contains(err.Error(), "--root") || strings.ContainsAny(err.Error(), "\n\x00")) {
			t.Errorf("%q: error %q", path, err)
		}
	}
}

// TestCheckCgroup checks that a path is refused if LXC would read another one from its
// configuration.
func TestCheckCgroup(t *testing.T) {
	t.Parallel()
	for path, good := range map[string]bool{
		"/a/b": true, "/a b/c d": true, "/a\"b": true, "/.x": true, "/a.b": true, "/a#b": true, "/a = b": true,
		"/a..b": false, "/..": false, "/ a": false, "/a ": false, "/a\t": false, "/\"a\"": false, "/'a'": false, "/a'": false,
	} {
		err := CheckCgroup(path)
		if (err == nil) != good || err != nil && !strings.HasPrefix(err.Error(), "linux.cgroupsPath: ") {
			t.Errorf("%q: %v", path, err)
		}
	}
}
