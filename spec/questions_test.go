package spec

import (
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestNamespace(t *testing.T) {
	t.Parallel()
	s := &specs.Spec{Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: "pid"}, {Type: "network", Path: "/n"}}}}
	for _, tt := range []struct {
		s    *specs.Spec
		typ  specs.LinuxNamespaceType
		path string
		kind NamespaceKind
	}{
		{s, specs.PIDNamespace, "", New},
		{s, specs.NetworkNamespace, "/n", Path},
		{s, specs.UserNamespace, "", Host},
		{&specs.Spec{}, specs.PIDNamespace, "", Host},
	} {
		if path, kind := Namespace(tt.s, tt.typ); path != tt.path || kind != tt.kind {
			t.Errorf("%s: %q, %v", tt.typ, path, kind)
		}
	}
	if got := Host.String() + New.String() + Path.String(); got != "hostnewpath" {
		t.Error(got)
	}
}

func TestHooks(t *testing.T) {
	t.Parallel()
	h := func(p string) []specs.Hook { return []specs.Hook{{Path: p}} }
	//lint:ignore SA1019 deprecated, but engines send it
	s := &specs.Spec{Hooks: &specs.Hooks{Prestart: h("prestart"), CreateRuntime: h("createRuntime"), CreateContainer: h("createContainer"),
		StartContainer: h("startContainer"), Poststart: h("poststart"), Poststop: h("poststop")}}
	for _, k := range HookKinds {
		if got := Hooks(s, k); len(got) != 1 || got[0].Path != string(k) {
			t.Errorf("%s: %v", k, got)
		}
	}
	s = &specs.Spec{Hooks: &specs.Hooks{Poststop: h("x")}}
	if !HasHooks(s) || !HasHooks(s, Prestart, Poststop) || HasHooks(s, Prestart) || HasHooks(&specs.Spec{}) || Hooks(s, "x") != nil {
		t.Error("HasHooks")
	}
}

func TestStopSignal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]syscall.Signal{
		"": syscall.SIGTERM, "SIGQUIT": syscall.SIGQUIT, "quit": syscall.SIGQUIT, "3": syscall.SIGQUIT, "15": syscall.SIGTERM,
		"0": syscall.SIGTERM, "-1": syscall.SIGTERM, "65": syscall.SIGTERM, "SIGX": syscall.SIGTERM, "9999999999999999999": syscall.SIGTERM,
	} {
		if got := StopSignal(map[string]string{StopSignalAnnotation: text}); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if StopSignal(nil) != syscall.SIGTERM {
		t.Error("nil")
	}
}

func TestEngine(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"podman.json": "podman", "cri-containerd.json": "containerd", "cri-o.json": "cri-o", "ctr.json": "", "docker.json": ""} {
		s, _ := Parse(fixtures(t)[name])
		if got := Engine(s.Annotations); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := Engine(map[string]string{"nerdctl/name": "x", "io.buildah.version": "1"}); got != "buildah" {
		t.Error(got)
	}
}

func TestSysctlPath(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"net.ipv4.ip_forward": "net/ipv4/ip_forward", "net/ipv4/conf/eno2.100/rp_filter": "net/ipv4/conf/eno2.100/rp_filter",
		"net.ipv4.conf.eno2/100.rp_filter": "net/ipv4/conf/eno2.100/rp_filter", "x": "x",
		"": "", "a..b": "", "a.//.b": "", "../x": "", "/a": "", "a/": "", "a b": "",
	} {
		if got, err := SysctlPath(name); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
}

func TestJailDefaults(t *testing.T) {
	t.Parallel()
	on := JailDefaults([]byte(`{"freebsd":{"jail":{"allow":{"suser":false,"Suser":true,"setHostname":true}}}}`))
	if on.ReservedPorts != nil || on.Suser == nil || *on.Suser || on.SetHostname == nil || !*on.SetHostname {
		t.Errorf("got %+v", on)
	}
	if (JailDefaults([]byte(`x`)) != JailOn{}) {
		t.Error("not JSON")
	}
}

func TestProblem(t *testing.T) {
	t.Parallel()
	p := Problem{Path: "mounts[0].type", Level: Warning, Message: "m", Ref: refOf("mounts[0].type")}
	if p.String() != "mounts[0].type: m" || p.URL() != "https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config.md#mounts" {
		t.Error(p, p.URL())
	}
	if (Problem{}).URL() != "" || (Problems{p}).Err() != nil || len(Problems{p}.Warnings()) != 1 {
		t.Error("a warning is no error")
	}
	for path, want := range map[string]string{
		"": "config.md#configuration", "process.rlimits[1].type": "config.md#posix-process", `annotations["a.b[c"]`: "config.md#annotations",
		"linux.resources.memory.swap": "config-linux.md#memory", "linux.x": "config-linux.md#linux-container-configuration", "unknown": "config.md#configuration",
	} {
		if got := refOf(path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}
