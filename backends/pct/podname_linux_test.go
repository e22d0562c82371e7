package pct

import (
	"strings"
	"testing"

	"github.com/berth-oci/berth/spec"
)

func TestPodName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("p", 70)
	for _, c := range []struct {
		pod       spec.Pod
		name, tag string
	}{
		{spec.Pod{Namespace: "default", Name: "web-0"}, "web-0", "default.web-0"},
		{spec.Pod{Namespace: "default", Name: "web-0", Container: "nginx"}, "web-0-nginx", "default.web-0"},
		{spec.Pod{Namespace: "shop", Name: "db.example", Container: "init.1"}, "db-example-init-1", "shop.db.example"},
		{spec.Pod{Namespace: "n", Name: long, Container: "nginx"}, long[:57] + "-nginx", "n." + long},
		{spec.Pod{Namespace: "n", Name: "web", Container: long}, long[:63], "n.web"},
		{spec.Pod{Name: "web", Container: "nginx"}, "web-nginx", ""},
		{spec.Pod{Namespace: "n", Name: "a;b\nc"}, "a-b-c", ""},
		{spec.Pod{Namespace: "n", Name: strings.Repeat("a", 400)}, strings.Repeat("a", 63), ""},
		{spec.Pod{Container: "nginx"}, "nginx", ""},
		{spec.Pod{Name: "..."}, "", ""},
	} {
		if got := podName(c.pod); got != c.name {
			t.Errorf("%+v is named %q, not %q", c.pod, got, c.name)
		}
		if got := podTag(c.pod); got != c.tag {
			t.Errorf("%+v has the tag %q, not %q", c.pod, got, c.tag)
		}
	}
	if text := podText(spec.Pod{Namespace: "n", Name: "a\n" + markerKey + "/run/berth/x"}); strings.Contains(text, "\n") {
		t.Errorf("more than one line: %q", text)
	}
}
