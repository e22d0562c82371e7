package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

type sample struct {
	Name  string            `json:"name"`
	Pid   int               `json:"pid,omitempty"`
	Texts map[string]string `json:"texts,omitempty"`
	Data  json.RawMessage   `json:"data,omitempty"`
}

var whole = sample{Name: "a\n<b>\u2028", Pid: 7, Texts: map[string]string{"k": "\"}"}, Data: json.RawMessage(`{"sum":"x","format":[1]}`)}

func marshalled(t testing.TB, v any) []byte {
	t.Helper()
	data, err := Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, want := range []sample{whole, {Name: ""}, {Name: `","sum":"`}} {
		data := marshalled(t, want)
		var got sample
		if err := Unmarshal(data, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s has become %+v, %v", data, got, err)
		}
		var head struct {
			Format     int
			Berth, Sum string
		}
		if err := json.Unmarshal(data, &head); err != nil || head.Format != Format || head.Berth != Writer || len(head.Sum) != 64 {
			t.Errorf("the head of %s: %+v, %v", data, head, err)
		}
	}
	for _, v := range []any{struct{}{}, []int{1}, "x", nil} {
		if data, err := Marshal(v); err == nil {
			t.Errorf("%v has become a record: %s", v, data)
		}
	}
}

// TestEveryByte checks that a changed, missing or additional byte is always detected.
func TestEveryByte(t *testing.T) {
	t.Parallel()
	data := marshalled(t, whole)
	for i := range data {
		for name, edited := range map[string][]byte{
			"changed": append(append(bytes.Clone(data[:i]), data[i]^1), data[i+1:]...),
			"without": append(bytes.Clone(data[:i]), data[i+1:]...),
			"blank":   append(append(bytes.Clone(data[:i]), ' '), data[i:]...),
			"cut":     data[:i],
		} {
			var newer *NewerError
			err := Unmarshal(edited, &sample{})
			if !errors.Is(err, ErrDamaged) && !errors.As(err, &newer) {
				t.Errorf("byte %d %s: %s: %v", i, name, edited, err)
			}
		}
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ data, want string }{
		"format 0":                 {`{"name":"x","pid":7}`, ""},
		"empty":                    {"", "damaged"},
		"zeros":                    {"\x00\x00", "damaged"},
		"a list":                   {"[]", "damaged"},
		"null":                     {"null", ""}, // has no fields, like {}
		"another field":            {`{"name":"x","more":1}`, "damaged"},
		"a sum without a format":   {`{"name":"x","sum":""}`, "damaged"},
		"a writer without":         {`{"name":"x","berth":"b"}`, "damaged"},
		"another type":             {`{"name":7}`, "damaged"},
		"two of them":              {`{"name":"x"}{"name":"y"}`, "damaged"},
		"no sum":                   {`{"format":1,"berth":"b","name":"x"}`, "damaged"},
		"format null":              {`{"format":null,"name":"x"}`, "damaged"},
		"format text":              {`{"format":"1","name":"x"}`, "damaged"},
		"format 0, named":          {`{"format":0,"name":"x"}`, "damaged"},
		"format negative":          {`{"format":-1,"name":"x"}`, "damaged"},
		"format with a fraction":   {`{"format":1.5,"name":"x"}`, "damaged"},
		"format beyond numbers":    {`{"format":1e99,"name":"x"}`, "damaged"},
		"a newer one":              {`{"format":2,"berth":"berth 9.9","things":{}}`, `format 2, written by "berth 9.9"`},
		"a newer one, unknown":     {`{"format":2000}`, `format 2000, written by ""`},
		"a newer one, odd":         {`{"format":7,"berth":["x"]}`, "use the version of berth that wrote it, or a later one"},
		"a newer one, talkative":   {`{"format":7,"berth":"` + strings.Repeat("x", 5000) + `"}`, "format 7"},
		"a newer one, cut short":   {`{"format":7,"berth":"b`, "damaged"},
		"a newer one that is ours": {string(seal([]byte(`{"format":2,"berth":"b","name":"x"}`))), "format 2"},
		"deep":                     {strings.Repeat("[", 100000), "damaged"},
	} {
		var newer *NewerError
		err := Unmarshal([]byte(c.data), &sample{})
		switch {
		case (err == nil) != (c.want == ""), err != nil && !strings.Contains(err.Error(), c.want),
			err != nil && errors.Is(err, ErrDamaged) == errors.As(err, &newer), err != nil && len(err.Error()) > 1000:
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(marshalled(f, whole))
	f.Add(seal([]byte(`{"format":1,"berth":"b","name":"x"}`)))
	f.Add(seal([]byte(`{"format":1,"name":"x","name":"y","data":null}`)))
	f.Add([]byte(`{"format":1,"name":"x","texts":{"a":"b"}`)) // seal adds the brace
	for _, seed := range []string{`{"name":"x","pid":7}`, `{"format":2,"berth":"berth 9.9"}`, `{"format":1}`, "null", "", `{"format":1,"sum":"` + strings.Repeat("0", 64) + `"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, data := range [][]byte{data, seal(append(bytes.Clone(data), '}'))} { // as it is, and with a right checksum
			var got, again sample
			var newer *NewerError
			err := Unmarshal(data, &got)
			if err != nil {
				if errors.Is(err, ErrDamaged) == errors.As(err, &newer) {
					t.Fatalf("%q: %v", data, err)
				}
				continue
			}
			if err := Unmarshal(marshalled(t, got), &again); err != nil || got.Name != again.Name || got.Pid != again.Pid {
				t.Fatalf("%q: %+v has become %+v, %v", data, got, again, err)
			}
		}
	})
}
