package process

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/seccomp"
)

const (
	chown, setgid, setuid, netBind = 1 << unix.CAP_CHOWN, 1 << unix.CAP_SETGID, 1 << unix.CAP_SETUID, 1 << unix.CAP_NET_BIND_SERVICE
	few                            = chown | setgid | setuid | netBind
)

// allowAll is a filter of one instruction: return SECCOMP_RET_ALLOW.
var allowAll = &seccomp.Filter{Program: []byte{6, 0, 0, 0, 0, 0, 0xff, 0x7f}}

// TestIdentity reads the attributes of an exec'd program, both as root of the host and as root of a
// user namespace.
func TestIdentity(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(a *Attributes)
		want   string
	}{
		{"root with a few capabilities", func(a *Attributes) {
			a.Capabilities = &Capabilities{Bounding: few, Effective: few, Permitted: few}
		}, "Umask: 0022|Uid: 0 0 0 0|Gid: 0 0 0 0|Groups: |" +
			"CapInh: 0000000000000000|CapPrm: 00000000000004c1|CapEff: 00000000000004c1|CapBnd: 00000000000004c1|CapAmb: 0000000000000000|" +
			"NoNewPrivs: 0|Seccomp: 0"},
		{"a user with groups and a umask", func(a *Attributes) {
			a.UID, a.GID, a.Groups, a.Umask = 1000, 1001, []uint32{5, 10, 1001}, 0o077
			a.Capabilities = &Capabilities{Bounding: few, Effective: few, Permitted: few}
		}, "Umask: 0077|Uid: 1000 1000 1000 1000|Gid: 1001 1001 1001 1001|Groups: 5 10 1001 |" +
			"CapInh: 0000000000000000|CapPrm: 0000000000000000|CapEff: 0000000000000000|CapBnd: 00000000000004c1|CapAmb: 0000000000000000|" +
			"NoNewPrivs: 0|Seccomp: 0"},
		{"a user with ambient capabilities", func(a *Attributes) {
			a.UID, a.GID = 1000, 1000
			a.Capabilities = &Capabilities{Bounding: few, Effective: few, Permitted: few, Inheritable: netBind | chown, Ambient: netBind}
		}, "Umask: 0022|Uid: 1000 1000 1000 1000|Gid: 1000 1000 1000 1000|Groups: |" +
			"CapInh: 0000000000000401|CapPrm: 0000000000000400|CapEff: 0000000000000400|CapBnd: 00000000000004c1|CapAmb: 0000000000000400|" +
			"NoNewPrivs: 0|Seccomp: 0"},
		{"no capabilities at all", func(a *Attributes) { a.Capabilities = &Capabilities{} },
			"Umask: 0022|Uid: 0 0 0 0|Gid: 0 0 0 0|Groups: |" +
				"CapInh: 0000000000000000|CapPrm: 0000000000000000|CapEff: 0000000000000000|CapBnd: 0000000000000000|CapAmb: 0000000000000000|" +
				"NoNewPrivs: 0|Seccomp: 0"},
		{"no_new_privs and a filter", func(a *Attributes) {
			a.NoNewPrivileges, a.Seccomp = true, allowAll
			a.UID, a.GID = 65534, 65534
			a.Capabilities = &Capabilities{Bounding: few, Effective: few, Permitted: few}
		}, "Umask: 0022|Uid: 65534 65534 65534 65534|Gid: 65534 65534 65534 65534|Groups: |" +
			"CapInh: 0000000000000000|CapPrm: 0000000000000000|CapEff: 0000000000000000|CapBnd: 00000000000004c1|CapAmb: 0000000000000000|" +
			"NoNewPrivs: 1|Seccomp: 2"},
		{"no_new_privs and fewer permitted than bounding", func(a *Attributes) {
			a.NoNewPrivileges = true
			a.Capabilities = &Capabilities{Bounding: few, Effective: chown, Permitted: chown}
		}, "Umask: 0022|Uid: 0 0 0 0|Gid: 0 0 0 0|Groups: |" +
			"CapInh: 0000000000000000|CapPrm: 0000000000000001|CapEff: 0000000000000001|CapBnd: 00000000000004c1|CapAmb: 0000000000000000|" +
			"NoNewPrivs: 1|Seccomp: 0"},
		{"fewer permitted than bounding, which is what root gets by execve", func(a *Attributes) {
			a.Capabilities = &Capabilities{Bounding: few, Effective: chown, Permitted: chown}
		}, "Umask: 0022|Uid: 0 0 0 0|Gid: 0 0 0 0|Groups: |" +
			"CapInh: 0000000000000000|CapPrm: 00000000000004c1|CapEff: 00000000000004c1|CapBnd: 00000000000004c1|CapAmb: 0000000000000000|" +
			"NoNewPrivs: 0|Seccomp: 0"},
		{"a filter as a user, without no_new_privs", func(a *Attributes) {
			a.UID, a.GID, a.Seccomp = 1000, 1000, allowAll
			a.Capabilities = &Capabilities{Bounding: few, Effective: few, Permitted: few, Inheritable: netBind, Ambient: netBind}
		}, "Umask: 0022|Uid: 1000 1000 1000 1000|Gid: 1000 1000 1000 1000|Groups: |" +
			"CapInh: 0000000000000400|CapPrm: 0000000000000400|CapEff: 0000000000000400|CapBnd: 00000000000004c1|CapAmb: 0000000000000400|" +
			"NoNewPrivs: 0|Seccomp: 2"},
		{"a filter as root, without no_new_privs or capabilities", func(a *Attributes) {
			a.Seccomp, a.Capabilities = allowAll, &Capabilities{}
		}, "Umask: 0022|Uid: 0 0 0 0|Gid: 0 0 0 0|Groups: |" +
			"CapInh: 0000000000000000|CapPrm: 0000000000000000|CapEff: 0000000000000000|CapBnd: 0000000000000000|CapAmb: 0000000000000000|" +
			"NoNewPrivs: 0|Seccomp: 2"},
	} {
		for where, sys := range map[string]*syscall.SysProcAttr{"host": nil, "user namespace": inUserNamespace()} {
			t.Run(tt.name+", "+where, func(t *testing.T) {
				t.Parallel()
				c := child{Attributes: show("^(Umask|Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp):", status), Sys: sys, NotDumpable: sys != nil}
				tt.change(&c.Attributes)
				got := c.output(t)
				if want := strings.ReplaceAll(tt.want, "|", "\n") + "\n"; got != want {
					t.Errorf("got:\n%swant:\n%s", got, want)
				}
			})
		}
	}
}

func TestCapabilitiesLeftAlone(t *testing.T) {
	t.Parallel()
	had, err := boundingSet()
	if err != nil {
		t.Fatal(err)
	}
	for uid, want := range map[uint32]uint64{0: had, 1000: 0} {
		c := child{Attributes: show("^CapEff:", status)}
		c.Attributes.UID, c.Attributes.Seccomp = uid, allowAll
		if got, want := c.output(t), "CapEff: "+hex16(want)+"\n"; got != want {
			t.Errorf("uid %d: %q, want %q", uid, got, want)
		}
	}
}

func hex16(n uint64) string {
	const digits = "0123456789abcdef"
	text := make([]byte, 16)
	for i := range text {
		text[15-i] = digits[n>>(4*i)&15]
	}
	return string(text)
}

// TestNotGranted checks that capabilities that the process lacks are warnings, and that the others
// are granted.
func TestNotGranted(t *testing.T) {
	t.Parallel()
	sets := &Capabilities{Bounding: chown | setuid, Effective: chown | netBind, Permitted: chown, Inheritable: netBind, Ambient: chown}
	c := child{Attributes: show("^Cap(Eff|Amb|Inh):", status)}
	c.Attributes.Capabilities = sets
	r := c.start(t)
	if want := "CapInh: 0000000000000000\nCapEff: 0000000000000081\nCapAmb: 0000000000000000\n"; r.stdout != want {
		t.Errorf("got %q, want %q", r.stdout, want)
	}
	const want = "warning: process.capabilities.effective: cannot be granted: CAP_NET_BIND_SERVICE\n" +
		"warning: process.capabilities.inheritable: cannot be granted: CAP_NET_BIND_SERVICE\n" +
		"warning: process.capabilities.ambient: cannot be granted: CAP_CHOWN\n"
	if r.stderr != want || r.status != 0 {
		t.Errorf("status %#x, stderr:\n%swant:\n%s", r.status, r.stderr, want)
	}
}

func TestUnmapped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		change func(a *Attributes)
		want   string
	}{
		{func(a *Attributes) { a.UID = 70000 }, "prepare: process.user.uid: unable to setup user: cannot setuid to unmapped uid 70000 in user namespace"},
		{func(a *Attributes) { a.GID = 70000 }, "prepare: process.user.gid: unable to setup user: cannot setgid to unmapped gid 70000 in user namespace"},
		{func(a *Attributes) { a.Groups = []uint32{5, 70000} },
			"prepare: process.user.additionalGids: unable to setup user: cannot setgroups [5 70000]: more than the kernel allows, or one is unmapped in user namespace: invalid argument"},
	} {
		c := child{Attributes: run("true"), Sys: inUserNamespace()}
		tt.change(&c.Attributes)
		c.fails(t, tt.want)
	}
}

// TestGroupsDenied checks that groups are skipped in a user namespace with setgroups denied, such
// as an unprivileged user makes.
func TestGroupsDenied(t *testing.T) {
	t.Parallel()
	c := child{Attributes: show("^(Uid|Gid):", status), Sys: inUserNamespace()}
	one := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 100000, Size: 1}}
	c.Sys.UidMappings, c.Sys.GidMappings, c.Sys.GidMappingsEnableSetgroups = one, one, false
	c.Sys.Credential = &syscall.Credential{NoSetGroups: true}
	c.Attributes.Groups = []uint32{5, 70000}
	if got, want := c.output(t), "Uid: 0 0 0 0\nGid: 0 0 0 0\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestStdio checks that the user becomes the owner of stdio, but not of /dev/null.
func TestStdio(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for name, stdin := range map[string]*os.File{"pipe": r, "null": nil} {
		c := child{Attributes: run("sh", "-c", "busybox stat -L -c '%u %g' /proc/self/fd/0 /proc/self/fd/1"), Stdin: stdin}
		c.Attributes.UID, c.Attributes.GID = 1000, 1001
		want := "1000 0\n1000 0\n"
		if stdin == nil {
			want = "0 0\n1000 0\n"
		}
		if got := c.output(t); got != want {
			t.Errorf("%s: owners %q, want %q", name, got, want)
		}
	}
}

// TestGranted checks which part of the sets a thread with some capabilities can get, and that the
// warnings name the rest.
func TestGranted(t *testing.T) {
	t.Parallel()
	all := ^uint64(0)
	for _, tt := range []struct {
		name     string
		held     held
		want     Capabilities
		granted  Capabilities
		warnings []string
	}{
		{"all", held{permitted: all, bounding: all}, Capabilities{Bounding: chown, Permitted: chown, Effective: chown}, Capabilities{Bounding: chown, Permitted: chown, Effective: chown}, nil},
		{"not the host's", held{permitted: all &^ setuid, bounding: all &^ setuid},
			Capabilities{Bounding: chown | setuid, Permitted: chown | setuid, Effective: chown | setuid}, Capabilities{Bounding: chown, Permitted: chown, Effective: chown},
			[]string{"bounding: cannot be granted: CAP_SETUID", "permitted: cannot be granted: CAP_SETUID", "effective: cannot be granted: CAP_SETUID"}},
		{"not permitted", held{permitted: all, bounding: all}, Capabilities{Bounding: chown, Effective: chown}, Capabilities{Bounding: chown},
			[]string{"effective: cannot be granted: CAP_CHOWN"}},
		{"not bounding", held{permitted: all, bounding: all}, Capabilities{Inheritable: chown}, Capabilities{}, []string{"inheritable: cannot be granted: CAP_CHOWN"}},
		{"inherited", held{permitted: all, inheritable: chown, bounding: all}, Capabilities{Inheritable: chown, Permitted: chown, Ambient: chown},
			Capabilities{Inheritable: chown, Permitted: chown, Ambient: chown}, nil},
		{"not inheritable", held{permitted: all, bounding: all}, Capabilities{Bounding: chown, Permitted: chown, Ambient: chown}, Capabilities{Bounding: chown, Permitted: chown},
			[]string{"ambient: cannot be granted: CAP_CHOWN"}},
	} {
		got, warnings := tt.want.granted(tt.held)
		for i := range tt.warnings {
			tt.warnings[i] = "process.capabilities." + tt.warnings[i]
		}
		if got != tt.granted || !slices.Equal(texts(warnings), tt.warnings) {
			t.Errorf("%s: granted %+v, %q; want %+v, %q", tt.name, got, warnings, tt.granted, tt.warnings)
		}
	}
	a := Attributes{Capabilities: &Capabilities{Bounding: 1 << 40, Effective: chown}, UserNamespace: true}
	if got := texts(a.Ungranted()); !slices.Equal(got, []string{"process.capabilities.effective: cannot be granted: CAP_CHOWN"}) {
		t.Errorf("in a user namespace: %q", got)
	}
}

func texts(errs []error) (list []string) {
	for _, err := range errs {
		list = append(list, err.Error())
	}
	return list
}
