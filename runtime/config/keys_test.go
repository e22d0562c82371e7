package config

import (
	"strings"
	"testing"
)

// TestKeys checks the keys that decide on a backend, which the labels of an image must not set.
func TestKeys(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]*Config{
		DefaultAnnotation: Default(),
		"":                {},
		"a b c": {Annotation: "b", Rules: []Rule{
			{Backend: "lxc", Annotations: map[string]string{"c": "*", "a": "1"}}, {Backend: "pct", Annotations: map[string]string{"a": "2"}}, {Backend: "crun", Pod: "x"},
		}},
	} {
		if got := strings.Join(c.Keys(), " "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
