package bundle

import (
	"testing"

	"github.com/berth-oci/berth/spec"
)

func TestJailTemplate(t *testing.T) {
	t.Parallel()
	if ps := spec.Check(jailTemplate(), spec.FreeBSD); len(ps) > 0 {
		t.Error(ps)
	}
}
