package enclosure

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
	"github.com/berth-oci/berth/backends/resctrl"
	"github.com/berth-oci/berth/backends/rootfs"
)

// full has a value in each field, and written is how records of running containers have it.
var full = Data{
	Name: "berth-a", Making: true, Cgroup: "/berth/a/ns", Limits: "/berth/a", LimitsID: 7, Claimed: true, SharedPIDs: true, Scope: true,
	Attachment: &rootfs.Attachment{At: "/srv/root", Over: 3}, MountNamespace: &JoinedMounts{Path: "/run/ns/m", Inode: 8},
	JoinedBeforeFork: []specs.LinuxNamespaceType{specs.NetworkNamespace},
	Resctrl:          resctrl.Group{Class: "/sys/fs/resctrl/a", Own: true}, Profile: "lxc-a",
	StubInit: backends.Process{Pid: 70, StartTime: 1}, Monitor: backends.Process{Pid: 60, StartTime: 2},
}

const written = `{"name":"berth-a","making":true,"cgroup":"/berth/a/ns","limits":"/berth/a","limitsID":7,"claimed":true,` +
	`"sharedPIDs":true,"scope":true,"attachment":{"at":"/srv/root","over":3},"mountNamespace":{"path":"/run/ns/m","inode":8},` +
	`"fromBirth":["network"],"resctrl":{"class":"/sys/fs/resctrl/a","own":true},"profile":"lxc-a",` +
	`"warden":{"pid":70,"startTime":1},"monitor":{"pid":60,"startTime":2}}`

// The keys stay: a container may be older than berth.
func TestDataInRecord(t *testing.T) {
	t.Parallel()
	v := reflect.ValueOf(full)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%s is not tested", v.Type().Field(i).Name)
		}
	}
	c := &backends.Container{}
	if err := full.PutInto(c); err != nil {
		t.Fatal(err)
	}
	if string(c.Data) != written {
		t.Errorf("got  %s\nwant %s", c.Data, written)
	}
	d, err := DataOf(c)
	if err != nil || !reflect.DeepEqual(*d, full) {
		t.Errorf("%+v, %v", d, err)
	}
	if d, err := DataOf(&backends.Container{}); err != nil || !reflect.DeepEqual(*d, Data{}) {
		t.Errorf("no data yet: %+v, %v", d, err)
	}
}

func TestHostileData(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"name":"a"`, `[]`, `"a"`, `{"name":7}`, `{"limitsID":-1}`, `{"limitsID":1e99}`, `{"warden":{"pid":"1"}}`, `{"warden":{"pid":1.5}}`,
		`{"other":1}`, `{"warden":{"other":1}}`, `{"attachment":{"at":[]}}`, `{"fromBirth":"network"}`, `{} {}`, `{}x`,
	} {
		if d, err := DataOf(&backends.Container{Data: json.RawMessage(text)}); !errors.Is(err, record.ErrDamaged) {
			t.Errorf("%s: %+v, %v", text, d, err)
		}
	}
}

// What is owed after a delete is the enclosure alone.
func TestDisown(t *testing.T) {
	t.Parallel()
	for _, cgroups := range []bool{false, true} {
		d := full
		d.Disown(cgroups)
		want := full
		want.Attachment, want.MountNamespace, want.Resctrl = nil, nil, resctrl.Group{}
		if cgroups {
			want.LimitsID, want.Claimed = NoID, false
		}
		if !reflect.DeepEqual(d, want) {
			t.Errorf("%v: %+v, want %+v", cgroups, d, want)
		}
	}
}
