package namespace

import (
	"errors"
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
