package explain

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/backends/rootfs"
	"github.com/berth-oci/berth/backends/seccomp"
)

func minimal() *specs.Spec {
	return &specs.Spec{
		Version: specs.Version,
		Root:    &specs.Root{Path: "rootfs"},
		Process: &specs.Process{Args: []string{"true"}, Cwd: "/"},
		Linux:   &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}}},
	}
}

// linuxFields has a function for each field of linux, which sets the field.
var linuxFields = map[string]func(*specs.Linux){
	"UIDMappings": func(l *specs.Linux) {
		l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		l.UIDMappings = []specs.LinuxIDMapping{{HostID: 1000, Size: 10}}
		l.GIDMappings = l.UIDMappings
	},
	"GIDMappings": func(l *specs.Linux) {
		l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		l.GIDMappings = []specs.LinuxIDMapping{{HostID: 1000, Size: 10}}
		l.UIDMappings = l.GIDMappings
	},
	"Sysctl":      func(l *specs.Linux) { l.Sysctl = map[string]string{"kernel.domainname": "x"} },
	"Resources":   func(l *specs.Linux) { l.Resources = &specs.LinuxResources{Unified: map[string]string{"pids.max": "9"}} },
	"CgroupsPath": func(l *specs.Linux) { l.CgroupsPath = "/x" },
	"Namespaces": func(l *specs.Linux) {
		l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: specs.PIDNamespace})
	},
	"Devices": func(l *specs.Linux) { l.Devices = []specs.LinuxDevice{{Path: "/dev/x", Type: "c", Major: 1, Minor: 3}} },
	"NetDevices": func(l *specs.Linux) {
		l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
		l.NetDevices = map[string]specs.LinuxNetDevice{"eth9": {Name: "eth0"}}
	},
	"Seccomp": func(l *specs.Linux) {
		l.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: "/x", ListenerMetadata: "x",
			Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir"}, Action: specs.ActNotify}}}
	},
	"RootfsPropagation": func(l *specs.Linux) { l.RootfsPropagation = "rshared" },
	"MaskedPaths":       func(l *specs.Linux) { l.MaskedPaths = []string{"/proc/kcore"} },
	"ReadonlyPaths":     func(l *specs.Linux) { l.ReadonlyPaths = []string{"/proc/sys"} },
	"MountLabel":        func(l *specs.Linux) { l.MountLabel = "system_u:object_r:svirt_sandbox_file_t:s0" },
	"IntelRdt":          func(l *specs.Linux) { l.IntelRdt = &specs.LinuxIntelRdt{MemBwSchema: "MB:0=20"} },
	"MemoryPolicy":      func(l *specs.Linux) { l.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0"} },
	"Personality":       func(l *specs.Linux) { l.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32} },
	"TimeOffsets": func(l *specs.Linux) {
		l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
		l.TimeOffsets = map[string]specs.LinuxTimeOffset{"monotonic": {Secs: 1}}
	},
}

// Each field of linux in the specification is honoured, or refused with its JSON path.
func TestLinuxFields(t *testing.T) {
	t.Parallel()
	fields := reflect.TypeFor[specs.Linux]()
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		set, ok := linuxFields[name]
		if !ok {
			t.Errorf("linux.%s: nothing is known of it", name)
			continue
		}
		s := minimal()
		set(s.Linux)
		path, _, _ := strings.Cut(fields.Field(i).Tag.Get("json"), ",")
		refused := name == "MountLabel" && !process.HasSELinux()
		problems := checkInit(s)
		if !refused && len(problems) > 0 {
			t.Errorf("linux.%s is refused: %v", path, problems)
		}
		if refused && (len(problems) != 1 || !strings.HasPrefix(problems[0].Path, "linux."+path)) {
			t.Errorf("linux.%s: %v, want one problem of that path", path, problems)
		}
	}
}

// Check accepts what features lists.
func TestFeatures(t *testing.T) {
	t.Parallel()
	f := Features()
	for _, kind := range []specs.LinuxNamespaceType{
		specs.PIDNamespace, specs.NetworkNamespace, specs.MountNamespace, specs.IPCNamespace, specs.UTSNamespace,
		specs.UserNamespace, specs.CgroupNamespace, specs.TimeNamespace, "other",
	} {
		s := minimal()
		if kind != specs.MountNamespace {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: kind})
		}
		if kind == specs.UserNamespace {
			s.Linux.UIDMappings = []specs.LinuxIDMapping{{Size: 1}}
			s.Linux.GIDMappings = s.Linux.UIDMappings
		}
		_, known := namespace.CloneFlags[kind]
		honoured := len(checkInit(s)) == 0 && (known || kind == specs.MountNamespace)
		if said := slices.Contains(f.Linux.Namespaces, string(kind)); said != honoured {
			t.Errorf("namespace %s: features says %v, and it is %v", kind, said, honoured)
		}
	}
	for _, option := range f.MountOptions {
		s := minimal()
		m := specs.Mount{Destination: "/x", Source: "/", Type: "bind", Options: []string{"bind", option}}
		if option == "tmpcopyup" {
			m = specs.Mount{Destination: "/x", Source: "tmpfs", Type: "tmpfs", Options: []string{option}}
		}
		s.Mounts = []specs.Mount{m}
		if refused := rootfs.Unsupported(s); len(refused) > 0 {
			t.Errorf("mount option %s: %v", option, refused)
		}
	}
	for i := range f.Linux.MemoryPolicy.Modes {
		s := minimal()
		s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MemoryPolicyModeType(f.Linux.MemoryPolicy.Modes[i]), Nodes: "0"}
		for _, flag := range f.Linux.MemoryPolicy.Flags {
			s.Linux.MemoryPolicy.Flags = append(s.Linux.MemoryPolicy.Flags, specs.MemoryPolicyFlagType(flag))
		}
		if a, err := process.FromSpec(s.Process, s); err != nil || a.MemoryPolicy == nil {
			t.Errorf("memory policy %v: %v", s.Linux.MemoryPolicy, err)
		}
	}
}

// The seccomp features can be compiled.
func TestSeccompFeatures(t *testing.T) {
	t.Parallel()
	f := Features().Linux.Seccomp
	try := func(what string, edit func(*specs.LinuxSeccomp)) {
		t.Helper()
		s := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir"}, Action: specs.ActNotify}}}
		edit(s)
		if _, err := seccomp.Compile(s); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, action := range f.Actions {
		try(action, func(s *specs.LinuxSeccomp) { s.Syscalls[0].Action = specs.LinuxSeccompAction(action) })
	}
	for _, arch := range f.Archs {
		// The library refuses architectures of another byte order, and those that are newer than
		// it. Their names are known (features-linux.md).
		s := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: []specs.Arch{specs.Arch(arch)}}
		if _, err := seccomp.Compile(s); err != nil && !strings.Contains(err.Error(), "add "+arch) {
			t.Errorf("%s: %v", arch, err)
		}
	}
	for _, op := range f.Operators {
		try(op, func(s *specs.LinuxSeccomp) {
			s.Syscalls[0].Args = []specs.LinuxSeccompArg{{Index: 1, Op: specs.LinuxSeccompOperator(op)}}
		})
	}
	for _, flag := range f.SupportedFlags {
		try(flag, func(s *specs.LinuxSeccomp) { s.Flags = []specs.LinuxSeccompFlag{specs.LinuxSeccompFlag(flag)} })
	}
}
