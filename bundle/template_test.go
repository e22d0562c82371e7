package bundle

import (
	"encoding/json"
	"testing"

	"github.com/berth-oci/berth/spec"
)

// berth accepts the templates that it writes.
func TestTemplateIsValid(t *testing.T) {
	t.Parallel()
	for name, rootless := range map[string]bool{"privileged": false, "rootless": true} {
		s := Template()
		if rootless {
			Rootless(s, 1000, 1000)
		}
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		parsed, problems := spec.Validate(data, "linux")
		for _, p := range problems {
			t.Errorf("%s: %v", name, p)
		}
		if parsed == nil || parsed.Process == nil || len(parsed.Mounts) != 7 || parsed.Process.Rlimits[0].Soft != 1024 {
			t.Errorf("%s: %s", name, data)
		}
	}
}
