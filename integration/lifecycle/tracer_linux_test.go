//go:build linux && integration

package lifecycle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/sys/capability"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

// tracerEnv makes the test program the tracer of the tests below. The tracer is the container's
// first process and may trace others (CAP_SYS_PTRACE). The value is "seize", to stop each process
// that it sees, or "look". After a colon follows the cgroup of the tests and of the programs that
// they call.
const tracerEnv = "BERTH_TEST_TRACER"

// tracer looks at every process in its pid namespace for something that it does not have itself: a
// capability, no seccomp filter, the cgroup of berth's caller. It writes what it finds to
// /out/more, and the names of the processes that it looked at to /out/looked.
func tracer(how string) {
	runtime.LockOSThread()
	found := map[string]bool{}
	more := func(text string) {
		if !found[text] {
			found[text] = true
			note("more", text)
		}
	}
	how, caller, _ := strings.Cut(how, ":")
	own, err := readRights(os.Getpid())
	if err != nil {
		more(err.Error())
	}
	for {
		entries, _ := os.ReadDir("/proc")
		for _, e := range entries {
			if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() {
				judge(own, pid, caller, how == "seize", more)
			}
		}
		note("rounds", "over")
		if _, err := os.Stat("/out/stop"); err == nil {
			os.Exit(0)
		}
	}
}

// rights are what a process may do, according to /proc.
type rights struct {
	name, cgroup         string
	caps                 uint64
	filtered, noNewPrivs bool
}

func readRights(pid int) (r rights, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return r, err
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.TrimSpace(value)
	}
	if strings.HasPrefix(fields["State"], "Z") || strings.HasPrefix(fields["State"], "X") {
		return r, unix.ESRCH
	}
	for _, set := range []string{"CapPrm", "CapEff", "CapInh", "CapAmb"} {
		bits, err := strconv.ParseUint(fields[set], 16, 64)
		if err != nil {
			return r, err
		}
		r.caps |= bits
	}
	cgroup, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return r, err
	}
	_, unified, _ := strings.Cut(string(cgroup), "0::")
	r.name, r.cgroup, r.filtered, r.noNewPrivs = fields["Name"], strings.TrimSpace(unified), fields["Seccomp"] == "2", fields["NoNewPrivs"] == "1"
	return r, nil
}

// judge reports what a process has more than the tracer. The stub init may have CAP_KILL because it
// can only pass on signals.
func judge(own rights, pid int, caller string, seize bool, found func(string)) {
	if seize && unix.PtraceSeize(pid) == nil {
		defer func() { _ = unix.PtraceDetach(pid) }()
		_ = unix.PtraceInterrupt(pid)
		var ws unix.WaitStatus
		_, _ = unix.Wait4(pid, &ws, unix.WALL, nil)
	}
	r, err := readRights(pid)
	if err != nil {
		return
	}
	note("looked", r.name)
	more := r.caps &^ own.caps
	if r.name == "stub-init" {
		if more = r.caps &^ (1 << unix.CAP_KILL); !r.noNewPrivs {
			found("the stub init may gain privileges")
		}
	} else if strings.HasSuffix(r.cgroup, caller) {
		found(fmt.Sprintf("%s is in the cgroup %s", r.name, r.cgroup))
	}
	if more != 0 {
		found(fmt.Sprintf("%s has the capabilities %x", r.name, more))
	}
	if !r.filtered {
		found(r.name + " has no filter")
	}
}

// traced makes a container whose first process is the tracer. It has podman's default capabilities,
// CAP_SYS_PTRACE and more, and a seccomp filter.
func traced(t *testing.T, how string, more ...string) *box {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return newBox(t, "", func(s *specs.Spec) {
		s.Process.Args = []string{"/tracer"}
		s.Process.Env = append(s.Process.Env, tracerEnv+"="+how+":"+suite.Cgroup(t, os.Getpid()))
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/tracer", Type: "bind", Source: exe, Options: []string{"bind", "ro"}})
		all := append(append(slices.Clone(defaultCaps), "CAP_SYS_PTRACE"), more...)
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all}
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"swapon"}, Action: specs.ActErrno}}}
	})
}

// untraced ends the tracer and reports what it has found. names are processes that the tracer must
// have seen.
func (b *box) untraced(names ...string) {
	b.Helper()
	b.must1(os.WriteFile(filepath.Join(b.out, "stop"), nil, 0o644))
	b.wait()
	looked, err := os.ReadFile(filepath.Join(b.out, "looked"))
	for _, name := range names {
		if !strings.Contains(string(looked), name+"\n") {
			b.Errorf("the tracer has not seen %s (%v)", name, err)
		}
	}
	more, err := os.ReadFile(filepath.Join(b.out, "more"))
	if err == nil {
		b.Errorf("in the container's pid namespace there was something with more rights than the container's:\n%.2000s", more)
	} else if !errors.Is(err, os.ErrNotExist) {
		b.Error(err)
	}
}

// TestNothingToTrace checks that a container that may trace others never sees a process with more
// rights than its own: not the stub init, and no process that exec or a joining container brings
// in. runc and crun fail this test because their processes enter with all capabilities.
func TestNothingToTrace(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	rounds := 8
	if *backend == "pct" {
		rounds = 2
	}
	for _, how := range []string{"look", "seize"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			a := traced(t, how)
			a.create()
			a.start()
			a.must("exec", "--detach", a.id, "sleep", "1000")
			a.awaitFile("rounds")
			a.awaitRound()
			for i := range rounds {
				a.must("exec", a.id, "sleep", "0.01")
				a.must("exec", "--cap", "CAP_SYS_PTRACE", "--user", "1000", a.id, "true")
				if i >= rounds/2 {
					continue
				}
				b := a.sibling(fmt.Sprint(i), "exit 3", a.sharePIDs())
				b.spec.Linux.Seccomp = a.spec.Linux.Seccomp
				b.write()
				b.create()
				a.awaitRound()
				b.start()
				if ws := b.wait(); ws.ExitStatus() != 3 {
					t.Errorf("a container that joins ended with %#x", ws)
				}
				b.must("delete", b.id)
			}
			a.untraced("stub-init", "sleep")
		})
	}
}

// TestStubInitOfEveryCapability checks that the stub init gives nothing to a container that has
// every capability.
func TestStubInitOfEveryCapability(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	known, err := capability.ListSupported()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range known {
		all = append(all, "CAP_"+strings.ToUpper(c.String()))
	}
	a := traced(t, "seize", all...)
	a.create()
	a.start()
	a.awaitFile("rounds")
	a.untraced("stub-init")
}
