package spec

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func seed(f *testing.F) {
	for _, data := range fixtures(f) {
		f.Add(data)
	}
	for _, s := range []string{base, "", "null", "[]", `{"process":{"args":[1]}}`, `{"a":[[[[{"b":"\\\""}]]]]}`, `{"hostname":"\ud800","hostname":1}`,
		`{"linux":{"sysctl":{"a":"\u0000"},"resources":{"rdma":{"x":{}},"blockIO":{"weightDevice":[{"major":-0}]}}}}`,
		`{"windows":{"credentialSpec":{"a":[1e999]}}}`, `{"ARGS":1,"linux":{"uidMappings":[{"size":4294967295},{}]}}`} {
		f.Add([]byte(s))
	}
}

// FuzzParse looks for panics, and for documents that Parse reads differently from encoding/json
// without reporting a problem.
func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		got, ps := Parse(data)
		if (got == nil) && ps.Err() == nil {
			t.Fatal("neither spec nor error")
		}
		var want specs.Spec
		err := json.Unmarshal(data, &want)
		if len(ps.Errors()) == 0 {
			if err != nil && !variants(ps) {
				t.Fatalf("encoding/json refuses it: %v", err)
			}
			if !variants(ps) && !reflect.DeepEqual(*got, want) {
				t.Fatalf("got  %+v\nwant %+v", *got, want)
			}
			return
		}
		for _, p := range ps.Errors() {
			if err == nil && !ours.MatchString(p.Message) {
				t.Fatalf("encoding/json takes it: %v", p)
			}
		}
	})
}

// ours matches the errors that Parse reports on purpose although encoding/json accepts the
// document.
var ours = regexp.MustCompile("occurs twice|not UTF-8|cannot be null|too many")

// variants reports whether a name differs from a known one only in case. encoding/json accepts such
// names.
func variants(ps Problems) bool {
	for _, p := range ps {
		if p.Level == Warning && strings.HasPrefix(p.Message, "is unknown") {
			return true
		}
	}
	return false
}

func FuzzCheck(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, platform := range []string{Linux, FreeBSD} {
			s, ps := Validate(data, platform)
			if len(ps) > 2*maxProblems {
				t.Fatalf("%d problems", len(ps))
			}
			if ps.Err() == nil && (s == nil || s.Root == nil || s.Process != nil && len(s.Process.Args) == 0) {
				t.Fatalf("valid, but %+v", s)
			}
			for _, p := range ps {
				if p.Message == "" || p.Ref == "" {
					t.Fatalf("%+v", p)
				}
			}
		}
	})
}
