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
		User: specs.User{UID: 5, GID: 6, AdditionalGids: []uint32{7, 8}, Umask: ptr(uint32(0o1027))},
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
	if HasAppArmor() {
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

// TestFromSpecRefuses has what package spec does not refuse, or not for every caller.
func TestFromSpecRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		change func(p *specs.Process)
		want   string
	}{
		{func(p *specs.Process) { p.Env = []string{"A=1", "B"} }, "process.env[1]: invalid environment variable: missing '='"},
		{func(p *specs.Process) { p.Env = []string{"=1"} }, "process.env[0]: invalid environment variable: name cannot be empty"},
		{func(p *specs.Process) { p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_FOO"}} },
			`process.rlimits[0].type: unknown value "RLIMIT_FOO"`},
		{func(p *specs.Process) { p.Scheduler = &specs.Scheduler{} }, `process.scheduler.policy: unknown value ""`},
		{func(p *specs.Process) {
			p.Scheduler = &specs.Scheduler{Policy: specs.SchedRR, Flags: []specs.LinuxSchedulerFlag{"SCHED_FLAG_X"}}
		}, `process.scheduler.flags[0]: unknown value "SCHED_FLAG_X"`},
		{func(p *specs.Process) { p.IOPriority = &specs.LinuxIOPriority{Class: "IOPRIO_CLASS_NONE"} },
			`process.ioPriority.class: unknown value "IOPRIO_CLASS_NONE"`},
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
	if has := HasAppArmor(); has != (err == nil) {
		t.Errorf("AppArmor %t: %v", has, err)
	}
	p = minimal()
	p.SelinuxLabel = "system_u:system_r:container_t:s0"
	_, err = FromSpec(p, nil)
	if has := HasSELinux(); has != (err == nil) {
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
