//go:build linux && testhost

package freebsd

import (
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestProcess(t *testing.T) {
	t.Parallel()
	umask := uint32(0o027)
	for name, c := range map[string]struct {
		change func(p *specs.Process)
		script string
		want   string
	}{
		"user and groups": {func(p *specs.Process) { p.User = specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{7, 8}} },
			"id -u; id -g; id -G", "1000\n1001\n1001 7 8\n"},
		"root": {func(*specs.Process) {}, "id -u; id -g; id -G; umask", "0\n0\n0\n0022\n"},
		"umask and cwd": {func(p *specs.Process) { p.User.Umask, p.Cwd = &umask, "/made/here" },
			"umask; pwd", "0027\n/made/here\n"},
		"environment": {func(p *specs.Process) { p.Env = append(p.Env, "A=1", "B=x y", "A=2") },
			"env | grep -v PWD | grep -v SHLVL | sort", "A=2\nB=x y\nHOME=/root\nPATH=/bin:/usr/bin:/sbin\n"},
		"limits": {func(p *specs.Process) {
			p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}, {Type: "RLIMIT_CORE", Soft: 0, Hard: 0}}
		}, "ulimit -n; ulimit -Hn; ulimit -c", "100\n200\n0\n"},
		"the root is the jail's": {func(*specs.Process) {}, "ls /proc | wc -l; cat /berth-jailed 2>&1 | wc -l; echo $0", "0\n1\nsh\n"},
		"no descriptors":         {func(*specs.Process) {}, "for f in 3 4 5 6 7 8 9; do (: <&$f) 2>/dev/null && echo $f; done; echo end", "end\n"},
		"signals":                {func(*specs.Process) {}, "kill -HUP $$; echo not killed", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			b.must(os.WriteFile(b.root("etc/passwd"), []byte("root:x:0:0::/root:/bin/sh\n"), 0o644))
			b.config.Process.Args = []string{"sh", "-c", c.script}
			c.change(b.config.Process)
			if _, out := b.run(); out != c.want {
				t.Errorf("got %q, want %q", out, c.want)
			}
			b.wantNoTraces()
		})
	}
}

// TestProgramErrors checks that a program that cannot run makes create fail, as engines expect, and
// that nothing is left behind.
func TestProgramErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(p *specs.Process)
		words  string
	}{
		"missing":        {func(p *specs.Process) { p.Args = []string{"nothing"} }, "executable file not found in $PATH"},
		"missing path":   {func(p *specs.Process) { p.Args = []string{"/nothing"} }, "no such file or directory"},
		"not executable": {func(p *specs.Process) { p.Args = []string{"/etc/text"} }, "permission denied"},
		"cwd is a file":  {func(p *specs.Process) { p.Cwd = "/etc/text" }, "chdir to cwd"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			b.must(os.WriteFile(b.root("etc/text"), []byte("x"), 0o644))
			c.change(b.config.Process)
			b.bundle()
			b.refused(c.words, "create", b.id)
			b.wantNoTraces()
			b.noProcess()
		})
	}
}

// TestRefused checks that what a jail cannot honour is refused with its path, before anything is
// created.
func TestRefused(t *testing.T) {
	t.Parallel()
	swap, adj := int64(1), 5
	for path, change := range map[string]func(s *specs.Spec){
		"process.capabilities":    func(s *specs.Spec) { s.Process.Capabilities = &specs.LinuxCapabilities{} },
		"process.apparmorProfile": func(s *specs.Spec) { s.Process.ApparmorProfile = "x" },
		"process.selinuxLabel":    func(s *specs.Spec) { s.Process.SelinuxLabel = "x" },
		"process.oomScoreAdj":     func(s *specs.Spec) { s.Process.OOMScoreAdj = &adj },
		"linux.namespaces":        func(s *specs.Spec) { s.Linux = &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: "pid"}}} },
		"linux.seccomp":           func(s *specs.Spec) { s.Linux = &specs.Linux{Seccomp: &specs.LinuxSeccomp{}} },
		"linux.maskedPaths":       func(s *specs.Spec) { s.Linux = &specs.Linux{MaskedPaths: []string{"/x"}} },
		"linux.resources.memory.swap": func(s *specs.Spec) {
			s.Linux = &specs.Linux{Resources: &specs.LinuxResources{Memory: &specs.LinuxMemory{Swap: &swap}}}
		},
		"mounts[0].type": func(s *specs.Spec) { s.Mounts = []specs.Mount{{Destination: "/x", Type: "overlay"}} },
		"mounts[0].options[1]": func(s *specs.Spec) {
			s.Mounts = []specs.Mount{{Destination: "/x", Type: "tmpfs", Options: []string{"ro", "idmap"}}}
		},
		"freebsd.devices":                   func(s *specs.Spec) { s.FreeBSD = &specs.FreeBSD{Devices: []specs.FreeBSDDevice{{Path: "pf"}}} },
		`annotations["org.freebsd.jail.x"]`: func(s *specs.Spec) { s.Annotations = map[string]string{"org.freebsd.jail.x": "1"} },
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			change(b.config)
			b.bundle()
			b.refused(path+": ", "create", b.id)
			b.wantCalls()
			b.wantNoTraces()
		})
	}
}

func TestHooks(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	hook := func(point string) []specs.Hook {
		return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "read s; s=${s#*status?:?}; echo " + point + " ${s%%,*} $(pwd) >>" + b.file("hooks")}}}
	}
	inside := []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "read s; s=${s#*status?:?}; echo startContainer ${s%%,*} $(pwd) >>/hooks"}}}
	b.config.Hooks = &specs.Hooks{
		//lint:ignore SA1019 deprecated, and honoured
		Prestart:      hook("prestart"),
		CreateRuntime: hook("createRuntime"), CreateContainer: hook("createContainer"),
		StartContainer: inside, Poststart: hook("poststart"), Poststop: hook("poststop"),
	}
	b.config.Process.Args = []string{"/bin/sleep", "1000"}
	pid := b.create()
	b.berth("start", b.id)
	b.berth("delete", "--force", b.id)
	b.wait(pid)
	got := strings.NewReplacer(b.dir, "BOX").Replace(b.sh("cat " + b.file("hooks") + " " + b.root("hooks")))
	want := `prestart creating" BOX/bundle
createRuntime creating" BOX/bundle
createContainer creating" BOX/bundle/root
poststart running" BOX/bundle
poststop stopped" BOX/bundle
startContainer created" /
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	b.wantNoTraces()
}

func TestHookFails(t *testing.T) {
	t.Parallel()
	one := 1
	for name, c := range map[string]struct {
		hooks  specs.Hooks
		words  string
		starts bool
	}{
		//lint:ignore SA1019 deprecated, and honoured
		"prestart":         {specs.Hooks{Prestart: []specs.Hook{{Path: "/bin/false"}}}, "hooks.prestart[0] (/bin/false): exit status 1", false},
		"createRuntime":    {specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo no >&2; exit 1"}}}}, "hooks.createRuntime[0] (/bin/sh): exit status 1: output: no", false},
		"createContainer":  {specs.Hooks{CreateContainer: []specs.Hook{{Path: "/nothing"}}}, "hooks.createContainer[0]", false},
		"timeout":          {specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sleep", Args: []string{"sleep", "100"}, Timeout: &one}}}, "hook ran past its timeout of 1 s", false},
		"late in the jail": {specs.Hooks{StartContainer: []specs.Hook{{Path: "/bin/sleep", Args: []string{"sleep", "100"}, Timeout: &one}}}, "hook ran past its timeout of 1 s", true},
		"startContainer":   {specs.Hooks{StartContainer: []specs.Hook{{Path: "/bin/false"}}}, "hooks.startContainer[0]", true},
		"poststart":        {specs.Hooks{Poststart: []specs.Hook{{Path: "/bin/false"}}}, "hooks.poststart[0]", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			b.config.Hooks = &c.hooks
			b.config.Process.Args = []string{"/bin/sleep", "1000"}
			b.bundle()
			if c.starts {
				b.berth("create", b.id)
				b.refused(c.words, "start", b.id)
				b.berth("delete", "--force", b.id)
			} else {
				b.refused(c.words, "create", b.id)
			}
			b.wantNoTraces()
			b.noProcess()
		})
	}
}
