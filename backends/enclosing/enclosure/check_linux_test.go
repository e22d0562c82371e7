package enclosure

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
	"github.com/berth-oci/berth/backends/resctrl"
	"github.com/berth-oci/berth/backends/rootfs"
)

// Data that create cannot have written is refused, because delete would act on it.
func TestCheck(t *testing.T) {
	t.Parallel()
	self, err := backends.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		edit func(c *backends.Container, d *Data)
		want string // in the error; "" for none
	}{
		"as created":                 {func(*backends.Container, *Data) {}, ""},
		"before anything was made":   {func(c *backends.Container, d *Data) { c.Complete, c.Process, *d = false, backends.Process{}, Data{} }, ""},
		"complete, without process":  {func(c *backends.Container, _ *Data) { c.Process = backends.Process{} }, "has no process"},
		"complete, without name":     {func(_ *backends.Container, d *Data) { d.Name = "" }, "has no process, enclosure"},
		"complete, without cgroup":   {func(_ *backends.Container, d *Data) { d.Limits = "" }, "or cgroup"},
		"another's name":             {func(_ *backends.Container, d *Data) { d.Name = "berth-b" }, `data.name: "berth-b" is not the container's name in lxc`},
		"another's name, incomplete": {func(c *backends.Container, d *Data) { c.Complete, d.Name = false, "x\n" }, "data.name"},
		"the host's init":            {func(_ *backends.Container, d *Data) { d.StubInit.Pid = 1 }, "processes 1 and 0 cannot be"},
		"all processes":              {func(_ *backends.Container, d *Data) { d.Monitor = backends.Process{Pid: -1} }, "and -1"},
		"a start time alone":         {func(_ *backends.Container, d *Data) { d.StubInit = backends.Process{StartTime: 7} }, "processes 0 and 0 cannot be"},
		"a cgroup below":             {func(_ *backends.Container, d *Data) { d.Cgroup = "/berth/a/ns" }, ""},
		"a cgroup beside":            {func(_ *backends.Container, d *Data) { d.Cgroup = "/berth/ab" }, "is not below"},
		"a cgroup above":             {func(_ *backends.Container, d *Data) { d.Limits, d.Cgroup = "/x/a/ns", "/x/a" }, "is not below"},
		"no path":                    {func(_ *backends.Container, d *Data) { d.Cgroup = "berth/a" }, "data.cgroup"},
		"the root cgroup":            {func(_ *backends.Container, d *Data) { d.Limits, d.Cgroup = "/", "/" }, "data.limits"},
		"berth's cgroup":             {func(_ *backends.Container, d *Data) { d.Limits, d.Cgroup = "/berth", "/berth/a" }, "data.limits"},
		"a way up":                   {func(_ *backends.Container, d *Data) { d.Cgroup = "/berth/a/../b" }, "data.cgroup"},
		"a line break":               {func(_ *backends.Container, d *Data) { d.Limits = "/berth/a\n/b" }, "data.limits"},
		"a root elsewhere":           {func(_ *backends.Container, d *Data) { d.Attachment = &rootfs.Attachment{At: "/srv/root"} }, ""},
		"a root at the root":         {func(_ *backends.Container, d *Data) { d.Attachment = &rootfs.Attachment{At: "/"} }, "data.attachment"},
		"a root without a path":      {func(_ *backends.Container, d *Data) { d.Attachment = &rootfs.Attachment{} }, "data.attachment"},
		"a root with a way up":       {func(_ *backends.Container, d *Data) { d.Attachment = &rootfs.Attachment{At: "/srv/../etc"} }, "data.attachment"},
		"a class that is none":       {func(_ *backends.Container, d *Data) { d.Resctrl = resctrl.Group{Class: "/etc", Own: true} }, "data.resctrl"},
		"a monitor without a class":  {func(_ *backends.Container, d *Data) { d.Resctrl.Monitor = "/etc" }, "data.resctrl"},
		"a process of the host's":    {func(c *backends.Container, _ *Data) { c.Process = self }, "not in a pid namespace of the container's own"},
		"one that may be the host's": {func(c *backends.Container, d *Data) { c.Process, d.SharedPIDs = self, true }, ""},
	} {
		box := &backends.Container{ID: "a", Complete: true, Process: backends.Process{Pid: os.Getpid(), StartTime: self.StartTime + 1}}
		d := &Data{Name: "berth-a", Cgroup: "/berth/a", Limits: "/berth/a", LimitsID: 5, StubInit: backends.Process{Pid: 70, StartTime: 1}}
		c.edit(box, d)
		err := d.Check(box, "lxc", func(name string) bool { return name == "berth-a" })
		if err == nil && c.want != "" || err != nil && (c.want == "" || !strings.Contains(err.Error(), c.want) || !errors.Is(err, record.ErrDamaged)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
