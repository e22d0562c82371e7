package spec

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   string
		want []string
	}{
		{"empty object", `{}`, nil},
		{"nothing", ` `, []string{"error : is empty"}},
		{"null", `null`, []string{"error : config cannot be null"}},
		{"array", `[1]`, []string{"error : must be an object, not an array"}},
		{"cut short", "{\n\"process\": {\n\"args\": [\"a\", ", []string{"error : line 3, column 14: unexpected end"}},
		{"syntax", "{\n  \"a\": tru}", []string{"error : line 2, column 11: invalid character '}'"}},
		{"two values", `{} {}`, []string{"error : line 1, column 4"}},
		{"byte order mark", "\ufeff{}", []string{"error : line 1, column 1"}},
		{"not UTF-8", "{\"hostname\":\"\xff\"}", []string{"error : is not UTF-8"}},
		{"types", `{"ociVersion":1,"process":{"args":"sh","env":["a",2,null,{}],"terminal":"yes","user":[]},"root":"rootfs","annotations":{"a":true}}`,
			[]string{"error ociVersion: must be a string, not a number", "error process.args: must be an array, not a string",
				"error process.env[1]: must be a string, not a number", "error process.env[3]: must be a string, not an object",
				"error process.terminal: must be a boolean, not a string", "error process.user: must be an object, not an array",
				"error root: must be an object, not a string", `error annotations["a"]: must be a string, not a boolean`}},
		{"numbers", `{"process":{"oomScoreAdj":1.5,"user":{"uid":-1,"gid":4294967296},"rlimits":[{"type":"RLIMIT_AS","hard":18446744073709551616,"soft":1e3}]},
			"linux":{"resources":{"memory":{"limit":-9223372036854775809},"blockIO":{"weight":65536}}}}`,
			[]string{"error process.oomScoreAdj: fraction", "error process.user.uid: must be from 0 to 4294967295, not -1", "error process.user.gid: must be from 0 to 4294967295, not 4294967296",
				"error process.rlimits[0].hard: to 18446744073709551615", "error process.rlimits[0].soft: must be an integer without fraction or exponent, not 1e3",
				"error linux.resources.memory.limit: must be from -9223372036854775808", "error linux.resources.blockIO.weight: to 65535"}},
		{"unknown properties", `{"x":{"a":[1,{"b":"\"]}"}]},"process":{"user":{"uid":0,"gid":0},"y":null,"a b":{}}}`,
			[]string{"warning x: not in the specification", "warning process.y: not in the specification", `warning process["a b"]: not in the specification`}},
		{"case", `{"Hostname":"a","process":{"user":{"uid":0,"gid":0},"ARGS":["a"]}}`,
			[]string{"warning Hostname: is unknown and ignored: names are case-sensitive, and this", "warning process.ARGS: is unknown and ignored: names are case-sensitive, and this"}},
		{"twice", `{"hostname":"a","hostname":"b","annotations":{"k":"1","k":"2"}}`,
			[]string{"error hostname: occurs twice", `error annotations["k"]: occurs twice`}},
		{"escaped name twice", `{"hostname":"a","host\u006eame":"b"}`, []string{"error hostname: occurs twice"}},
		{"embedded properties", `{"linux":{"resources":{"blockIO":{"weightDevice":[{"major":"8","minor":0}]}}}}`,
			[]string{"error linux.resources.blockIO.weightDevice[0].major: must be an integer, not a string"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, ps := Parse([]byte(tt.in))
			expect(t, ps, tt.want...)
		})
	}
}

// TestParseIsExact compares Parse with encoding/json on everything that engines send.
func TestParseIsExact(t *testing.T) {
	t.Parallel()
	for name, data := range fixtures(t) {
		var want specs.Spec
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		got, ps := Parse(data)
		expect(t, ps)
		if !reflect.DeepEqual(got, &want) {
			t.Errorf("%s: differs from encoding/json", name)
		}
	}
	got, _ := Parse([]byte(`{"hostname":"\u00e9\n\ud83d\ude00","linux":{"seccomp":{"defaultAction":"A","flags":[]},"sysctl":{}},"process":{"env":null}}`))
	if got.Hostname != "é\n😀" || got.Linux.Seccomp.Flags == nil || got.Linux.Sysctl == nil || got.Process.Env != nil {
		t.Errorf("got %+v", got)
	}
}

func TestParseParts(t *testing.T) {
	t.Parallel()
	p, ps := ParseProcess([]byte(`{"user":{"uid":1,"gid":2},"args":["a"],"cwd":"/","env":[1]}`))
	expect(t, ps, "error process.env[0]: must be a string")
	p.Env = nil
	expect(t, CheckProcess(p, Linux))
	p.Cwd = ""
	expect(t, CheckProcess(p, Linux), "error process.cwd: required")
	r, ps := ParseResources([]byte(`{"memory":{"swap":5,"limit":"x"}}`))
	expect(t, ps, "error linux.resources.memory.limit: must be an integer")
	expect(t, CheckResources(r))
	if p, ps := ParseProcess([]byte("null")); p != nil || ps.Err() == nil {
		t.Error("null is no process")
	}
	if r, ps := ParseResources([]byte("{")); r != nil || ps.Err() == nil {
		t.Error("cut short")
	}
}

func TestParseBounds(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 100000) + strings.Repeat("]", 100000)
	if _, ps := Parse([]byte(`{"x":` + deep + `}`)); ps.Err() == nil || !strings.Contains(ps.Err().Error(), "depth") {
		t.Errorf("deep nesting: %v", ps.Err())
	}
	unknown := strings.Repeat("[", 9000) + strings.Repeat("]", 9000)
	if _, ps := Parse([]byte(`{"x":` + unknown + `}`)); ps.Err() != nil {
		t.Errorf("unknown property of 9000 levels: %v", ps.Err())
	}
	if _, ps := Parse(make([]byte, MaxSize+1)); ps.Err() == nil {
		t.Error("too large")
	}
	s, ps := Parse([]byte(`{"linux":{"devices":[{}` + strings.Repeat(",{}", 20000) + `]}}`))
	if len(ps) != maxProblems+1 || ps[maxProblems].Level != Error || len(s.Linux.Devices) != 20001 {
		t.Errorf("%d problems, %d devices", len(ps), len(s.Linux.Devices))
	}
	for _, tt := range []struct {
		in     string
		budget int
		want   string
	}{
		{`{"mounts":[{"options":["a","b","c"]}],"hostname":"a"}`, int(reflect.TypeFor[specs.Mount]().Size()) + 40, "error mounts[0].options[2]: too many values"},
		{`{"annotations":{"a":"b","c":"d","e":"f"},"root":{}}`, 100, "error annotations: too many values"},
		{`{"root":{},"linux":{"resources":{"memory":{}}}}`, 30, "error linux: too many values"},
	} {
		d := decoder{cursor: cursor{data: []byte(tt.in)}, budget: tt.budget}
		d.value(reflect.ValueOf(new(specs.Spec)).Elem())
		expect(t, d.ps, tt.want)
	}
}

// fixtures returns the configs in testdata, by file name.
func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata: %v, %d files", err, len(files))
	}
	all := map[string][]byte{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = data
	}
	return all
}
