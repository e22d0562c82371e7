package namespace

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

func TestCheckJoined(t *testing.T) {
	t.Parallel()
	type maps = []specs.LinuxIDMapping
	being := maps{{ContainerID: 0, HostID: 100000, Size: 1000}, {ContainerID: 2000, HostID: 0, Size: 1}}
	for name, c := range map[string]struct {
		uids, gids, being maps
		want              string
	}{
		"none named":         {being: being},
		"the same":           {uids: being, gids: being, being: being},
		"one side":           {gids: being, being: being},
		"in another order":   {uids: maps{being[1], being[0]}, being: being},
		"in more parts":      {uids: maps{{ContainerID: 0, HostID: 100000, Size: 400}, {ContainerID: 400, HostID: 100400, Size: 600}, being[1]}, being: being},
		"all ids":            {uids: maps{{Size: 1 << 31}, {ContainerID: 1 << 31, HostID: 1 << 31, Size: 1<<31 - 1}}, being: maps{{Size: 1<<32 - 1}}},
		"another host ID":    {uids: maps{{ContainerID: 0, HostID: 100001, Size: 1000}, being[1]}, being: being, want: "linux.uidMappings: "},
		"fewer":              {gids: being[:1], being: being, want: "linux.gidMappings: "},
		"parts that are not": {uids: maps{{ContainerID: 0, HostID: 100000, Size: 400}, {ContainerID: 400, HostID: 100401, Size: 600}, being[1]}, being: being, want: "linux.uidMappings: "},
		"nothing to 0":       {being: being[1:], want: "linux.namespaces[1].path: the uidMappings"},
	} {
		s := &specs.Spec{Linux: &specs.Linux{
			Namespaces:  []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.UserNamespace, Path: "/x"}},
			UIDMappings: c.uids, GIDMappings: c.gids,
		}}
		if err := CheckJoined(s, c.being, c.being); (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// A map may be as long as a page has room for beside the call of newuidmap, but not longer.
func TestCheckMaps(t *testing.T) {
	maps := func(n int) (list []specs.LinuxIDMapping) {
		for i := range n {
			list = append(list, specs.LinuxIDMapping{ContainerID: uint32(1000 + i), HostID: uint32(100000 + i), Size: 1})
		}
		return list
	}
	fits := mostMapText / len("1000 100000 1\n")
	for name, c := range map[string]struct {
		linux *specs.Linux
		path  string
	}{
		"none":          {nil, ""},
		"a page":        {&specs.Linux{UIDMappings: maps(fits), GIDMappings: maps(fits)}, ""},
		"too many uids": {&specs.Linux{UIDMappings: maps(fits + 1)}, "linux.uidMappings"},
		"too many gids": {&specs.Linux{UIDMappings: maps(1), GIDMappings: maps(340)}, "linux.gidMappings"},
	} {
		err := CheckMaps(c.linux)
		var field *spec.FieldError
		if errors.As(err, &field); (err != nil) != (c.path != "") || err != nil && field.Path != c.path {
			t.Errorf("%s: %v, want an error of %q", name, err, c.path)
		}
	}
}

func TestHostID(t *testing.T) {
	t.Parallel()
	const last = 1<<32 - 1
	maps := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 10}, {ContainerID: 1000, HostID: 0, Size: 1}, {ContainerID: last - 1, HostID: 7, Size: 2}, {ContainerID: 50, HostID: 50}}
	for id, want := range map[uint32]struct {
		host   uint32
		mapped bool
	}{
		0: {100000, true}, 9: {100009, true}, 10: {0, false}, 999: {0, false}, 1000: {0, true}, 1001: {0, false},
		50: {0, false}, last - 2: {0, false}, last - 1: {7, true}, last: {8, true},
	} {
		if host, mapped := HostID(id, maps); host != want.host || mapped != want.mapped {
			t.Errorf("%d: %d, %v, want %d, %v", id, host, mapped, want.host, want.mapped)
		}
	}
	if _, mapped := HostID(0, nil); mapped {
		t.Error("0 is mapped without maps")
	}
}

func TestReadMap(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "uid_map")
	for text, want := range map[string][]specs.LinuxIDMapping{
		"":                                   nil,
		"         0          0 4294967295\n": {{Size: 1<<32 - 1}},
		"0 100000 1000\n2000 0 1\n":          {{HostID: 100000, Size: 1000}, {ContainerID: 2000, Size: 1}},
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadMap(file); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"0 0\n", "0 0 -1\n", "0 0 4294967296\n", "a b c\n", "\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadMap(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	uids, gids, err := IDMaps(os.Getpid())
	if err != nil || len(uids) == 0 || len(gids) == 0 {
		t.Errorf("this process: %v, %v, %v", uids, gids, err)
	}
}
