package rootfs

import (
	"reflect"
	"testing"
)

func TestWithLabel(t *testing.T) {
	t.Parallel()
	with := []Param{{Key: "size", Value: "1m"}, {Key: "context", Value: "l"}}
	for typ, labelled := range map[string]bool{
		"tmpfs": true, "devpts": true, "overlay": true,
		"proc": false, "sysfs": false, "mqueue": false, "cgroup": false, "cgroup2": false,
	} {
		want := with[:1]
		if labelled {
			want = with
		}
		if got := withLabel(typ, "l", with[:1:1]); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v", typ, got)
		}
		if got := withLabel(typ, "", with[:1:1]); len(got) != 1 {
			t.Errorf("%s, without a label: %v", typ, got)
		}
	}
}
