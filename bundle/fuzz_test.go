package bundle

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

// FuzzUser looks up any user in any accounts. A user who is found has only valid ids.
func FuzzUser(f *testing.F) {
	f.Add("app", "root:x:0:0::/:\napp:x:10:20::/:\n", "app:x:20:\nmore:x:30:app\n")
	f.Add("wide", "wide:x:4294967296:4294967296::/:\n", "wide:x:4294967296:wide\n")
	f.Add("7:text", "x:y:z\n::::\n", "text:x:no:\n")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, who, passwd, group string) {
		root := t.TempDir()
		if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"passwd": passwd, "group": group} {
			if err := os.WriteFile(filepath.Join(root, "etc", name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		u, err := resolveUser(root, who)
		if err != nil {
			return
		}
		for _, id := range append([]uint32{u.UID, u.GID}, u.AdditionalGids...) {
			if id == math.MaxUint32 {
				t.Fatalf("%q: %+v", who, u)
			}
		}
	})
}
