package backends

import (
	"encoding/json"
	"reflect"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestHookList(t *testing.T) {
	t.Parallel()
	ten := 10
	want := LaterHooks{Poststop: HookList{
		{Path: "/a", Env: []string{}},
		{Path: "/b"},
		{Path: "/c", Args: []string{"c", "d"}, Env: []string{"X=y"}, Timeout: &ten},
	}}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got LaterHooks
	if err := json.Unmarshal(data, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s has become %+v (%v)", data, got, err)
	}
	// An old record, in which the two are the same, can still be read.
	if data, err = json.Marshal(specs.Hooks{Poststop: want.Poststop[1:]}); err != nil {
		t.Fatal(err)
	}
	got = LaterHooks{}
	if err := json.Unmarshal(data, &got); err != nil || !reflect.DeepEqual(got.Poststop, want.Poststop[1:]) {
		t.Errorf("%s has become %+v (%v)", data, got, err)
	}
}
