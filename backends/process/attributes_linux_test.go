package process

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

func ptr[T any](v T) *T { return &v }

func minimal() *specs.Process {
	return &specs.Process{Args: []string{"/bin/true"}, Cwd: "/"}
}

func TestFromSpec(t *testing.T) {
	t.Parallel()
	p := &specs.Process{
		User: specs.User{UID: 5, GID: 6, AdditionalGids: []uint32{7, 8}, Umask: ptr(uint32(0o27))},
		Args: []string{"sh", "-c", "true\n"},
		Env:  []string{"A=1", "HOME=/x", "HOME=", "B=x=y", "A=2", "C="},
		Cwd:  "/work",
		Capabilities: &specs.LinuxCapabilities{
			Bounding: []string{"CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"}, Effective: []string{"CAP_CHOWN"}, Permitted: []string{"CAP_CHOWN"},
			Inheritable: []string{"CAP_KILL"}, Ambient: []string{"CAP_TIME_TRAVEL", "CAP_KILL", "chown"},
		},
		Rlimits: []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 10, Hard: 1<<64 - 1}, {Type: "RLIMIT_CORE"}},

		NoNewPrivileges: true,
		ApparmorProfile: "unconfined",
		OOMScoreAdj:     ptr(-10),
		Scheduler: &specs.Scheduler{Policy: specs.SchedFIFO, Priority: 3,
			Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork, specs.SchedFlagReclaim}},
		IOPriority: &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_IDLE, Priority: 2},
	}
	s := &specs.Spec{Linux: &specs.Linux{
		Personality: &specs.LinuxPersonality{Domain: specs.PerLinux32},
		Namespaces:  []specs.LinuxNamespace{{Type: specs.MountNamespace}, {Type: specs.UserNamespace}},
	}}
	a, err := FromSpec(p, s)
	if err != nil {
		t.Fatal(err)
	}
	want := &Attributes{
		Basics: Basics{
			Args: []string{"sh", "-c", "true\n"}, Env: []string{"B=x=y", "A=2", "C="}, Cwd: "/work",
			UID: 5, GID: 6, Groups: []uint32{7, 8}, Umask: 0o27,
		},
		Capabilities:    &Capabilities{Bounding: 1 | 1<<40, Effective: 1, Permitted: 1, Inheritable: 1 << 5, Ambient: 1 << 5},
		NoNewPrivileges: true,
		Limits: []Limit{
			{Name: "RLIMIT_NOFILE", Resource: unix.RLIMIT_NOFILE, Soft: 10, Hard: unix.RLIM_INFINITY},
			{Name: "RLIMIT_CORE", Resource: unix.RLIMIT_CORE},
		},
		OOMScoreAdj: ptr(-10), Scheduler: &Scheduler{Policy: 1, Priority: 3, Flags: 3}, IOPriority: ptr(3<<13 | 2),
		Personality: ptr(uint32(8)), UserNamespace: true,
		Warnings: []error{
			spec.Fieldf("process.capabilities.ambient[0]", "ignored: the kernel has no capability %q", "CAP_TIME_TRAVEL"),
			spec.Fieldf("process.capabilities.ambient[2]", "ignored: the kernel has no capability %q", "chown"),
		},
	}
	if hasAppArmor() {
		want.AppArmorProfile = unconfined
	}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("got  %+v\nwant %+v", a, want)
	}

	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var back Attributes
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	want.Warnings = nil
	if !reflect.DeepEqual(&back, want) {
		t.Errorf("after JSON %+v\nwant %+v", &back, want)
	}
}

func TestFromSpecOfLittle(t *testing.T) {
	t.Parallel()
	for _, s := range []*specs.Spec{nil, {}, {Linux: &specs.Linux{}}} {
		a, err := FromSpec(minimal(), s)
		want := &Attributes{
			Basics:       Basics{Args: []string{"/bin/true"}, Env: []string{}, Cwd: "/", Umask: 0o22},
			Capabilities: &Capabilities{},
		}
		if err != nil || !reflect.DeepEqual(a, want) {
			t.Errorf("got %+v, %v; want %+v", a, err, want)
		}
	}
}

func TestFromSpecRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		change func(p *specs.Process)
		want   string
	}{
		{func(p *specs.Process) { p.Args = nil }, "process.args: must not be empty"},
		{func(p *specs.Process) { p.Args = []string{"a", "b\x00c"} }, "process.args[1]: contains a NUL byte"},
		{func(p *specs.Process) { p.Cwd = "" }, "process.cwd: must not be empty"},
		{func(p *specs.Process) { p.Cwd = "tmp" }, `process.cwd: "tmp" is not an absolute path`},
		{func(p *specs.Process) { p.Cwd = "/\x00" }, "process.cwd: contains a NUL byte"},
		{func(p *specs.Process) { p.Env = []string{"A=1", "B"} }, "process.env[1]: invalid environment variable: missing '='"},
		{func(p *specs.Process) { p.Env = []string{"=1"} }, "process.env[0]: invalid environment variable: name cannot be empty"},
		{func(p *specs.Process) { p.Env = []string{"A=\x00"} }, `process.env[0]: invalid environment variable "A": contains a NUL byte`},
		{func(p *specs.Process) { p.User.UID = 1<<32 - 1 }, "process.user.uid: 4294967295 is not a user ID"},
		{func(p *specs.Process) { p.User.GID = 1<<32 - 1 }, "process.user.gid: 4294967295 is not a group ID"},
		{func(p *specs.Process) { p.User.AdditionalGids = []uint32{0, 1<<32 - 1} },
			"process.user.additionalGids[1]: 4294967295 is not a group ID"},
		{func(p *specs.Process) { p.User.Umask = ptr(uint32(0o1000)) }, "process.user.umask: 01000 is more than 0777"},
		{func(p *specs.Process) { p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_FOO"}} },
			`process.rlimits[0].type: unknown limit "RLIMIT_FOO"`},
		{func(p *specs.Process) { p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CPU"}, {Type: "RLIMIT_CPU"}} },
			"process.rlimits[1].type: RLIMIT_CPU is there twice"},
		{func(p *specs.Process) { p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CPU", Soft: 2, Hard: 1}} },
			"process.rlimits[0].soft: 2 is more than the hard limit, 1"},
		{func(p *specs.Process) { p.OOMScoreAdj = ptr(1001) }, "process.oomScoreAdj: 1001 is not between -1000 and 1000"},
		{func(p *specs.Process) { p.Scheduler = &specs.Scheduler{} }, `process.scheduler.policy: unknown policy ""`},
		{func(p *specs.Process) { p.Scheduler = &specs.Scheduler{Policy: specs.SchedOther, Nice: 20} },
			"process.scheduler.nice: 20 is not between -20 and 19"},
		{func(p *specs.Process) { p.Scheduler = &specs.Scheduler{Policy: specs.SchedOther, Priority: 1} },
			"process.scheduler.priority: SCHED_OTHER takes none"},
		{func(p *specs.Process) { p.Scheduler = &specs.Scheduler{Policy: specs.SchedRR, Priority: -1} },
			"process.scheduler.priority: -1 is negative"},
		{func(p *specs.Process) { p.Scheduler = &specs.Scheduler{Policy: specs.SchedRR, Runtime: 1} },
			"process.scheduler: runtime, deadline and period are for SCHED_DEADLINE only"},
		{func(p *specs.Process) {
			p.Scheduler = &specs.Scheduler{Policy: specs.SchedRR, Flags: []specs.LinuxSchedulerFlag{"SCHED_FLAG_X"}}
		}, `process.scheduler.flags[0]: unknown flag "SCHED_FLAG_X"`},
		{func(p *specs.Process) { p.IOPriority = &specs.LinuxIOPriority{Class: "IOPRIO_CLASS_NONE"} },
			`process.ioPriority.class: unknown class "IOPRIO_CLASS_NONE"`},
		{func(p *specs.Process) {
			p.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 8}
		},
			"process.ioPriority.priority: 8 is not between 0 and 7"},
		{func(p *specs.Process) { p.ApparmorProfile = "a\nb" },
			`process.apparmorProfile: "a\nb" contains a NUL byte or a newline`},
		{func(p *specs.Process) { p.SelinuxLabel = "a\x00" }, `process.selinuxLabel: "a\x00" contains a NUL byte`},
	} {
		p := minimal()
		tt.change(p)
		if a, err := FromSpec(p, nil); err == nil || err.Error() != tt.want {
			t.Errorf("got %+v, %v; want %s", a, err, tt.want)
		}
	}
	if _, err := FromSpec(nil, nil); err == nil || err.Error() != "process: must be set" {
		t.Errorf("no process: %v", err)
	}
	for _, p := range []specs.LinuxPersonality{{Domain: "SOLARIS"}, {Domain: specs.PerLinux, Flags: []specs.LinuxPersonalityFlag{"X"}}} {
		if _, err := FromSpec(minimal(), &specs.Spec{Linux: &specs.Linux{Personality: &p}}); err == nil ||
			!strings.HasPrefix(err.Error(), "linux.personality.") {
			t.Errorf("personality %v: %v", p, err)
		}
	}
}

// TestLabelsWithoutTheModule checks that a label is refused, not dropped, if the kernel lacks its
// security module.
func TestLabelsWithoutTheModule(t *testing.T) {
	t.Parallel()
	p := minimal()
	p.ApparmorProfile = "berth-test"
	_, err := FromSpec(p, nil)
	if has := hasAppArmor(); has != (err == nil) {
		t.Errorf("AppArmor %t: %v", has, err)
	}
	p = minimal()
	p.SelinuxLabel = "system_u:system_r:container_t:s0"
	_, err = FromSpec(p, nil)
	if has := hasSELinux(); has != (err == nil) {
		t.Errorf("SELinux %t: %v", has, err)
	}
	if _, err := os.Stat("/proc/self/attr/apparmor"); err != nil {
		c := child{Attributes: run("true")}
		c.Attributes.AppArmorProfile = "berth-test"
		r := c.start(t)
		if r.status.ExitStatus() != 99 || !strings.HasPrefix(r.stderr, `prepare: process.apparmorProfile: unable to apply apparmor profile: apparmor failed to apply profile "berth-test": `) {
			t.Errorf("%+v", r)
		}
	}
}
