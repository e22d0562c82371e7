package jail

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/jail/tools"
	"github.com/berth-oci/berth/spec"
)

// parsed parses a valid config with some additional properties.
func parsed(t *testing.T, properties string) (*settings, []mount, spec.Problems) {
	t.Helper()
	config := `{"ociVersion":"1.3.0","process":{"args":["x"],"cwd":"/","user":{"uid":0,"gid":0}},"root":{"path":"root"}`
	if properties != "" {
		config += "," + properties
	}
	config += "}"
	s, problems := spec.Validate([]byte(config), spec.FreeBSD)
	if err := problems.Err(); err != nil {
		return nil, nil, problems
	}
	settings, problems := settingsOf(s, []byte(config))
	mounts, more := mountsOf(s, "/bundle")
	return settings, mounts, append(append(problems, more...), unsupported(s)...)
}

const (
	before = "jail -i -c name=ID path=/root persist"
	// plain is the jail of an engine that knows only ocijail. object is the jail of an empty
	// freebsd.jail.
	plain  = before + " host=inherit ip4=inherit ip6=inherit enforce_statfs=1 allow.chflags allow.raw_sockets"
	object = before + " sysvmsg=new sysvsem=new sysvshm=new enforce_statfs=2"
)

func host(h string) string { return strings.Replace(object, "persist", "persist "+h, 1) }

// parameterRows lists the fields of freebsd.jail and the annotations, each with the resulting
// command lines of jail(8), and of ifconfig(8) before and after it.
func parameterRows() []struct{ config, want string } {
	return []struct{ config, want string }{
		{``, plain},
		{`"freebsd":{}`, plain},
		{`"freebsd":{"jail":{}}`, object},

		// Fields outside freebsd.jail.
		{`"hostname":"h"`, strings.Replace(plain, "host=inherit", "host=new host.hostname=h", 1)},
		{`"domainname":"d"`, strings.Replace(plain, "host=inherit", "host=new host.domainname=d", 1)},
		{`"hostname":"h","freebsd":{"jail":{}}`, host("host=new host.hostname=h")},

		// freebsd.jail.
		{`"freebsd":{"jail":{"parent":"pod"}}`, strings.Replace(object, "name=ID", "name=pod.ID", 1)},
		{`"freebsd":{"jail":{"host":"new"}}`, host("host=new")},
		{`"freebsd":{"jail":{"host":"inherit"}}`, host("host=inherit")},
		{`"hostname":"h","freebsd":{"jail":{"host":"new"}}`, host("host=new host.hostname=h")},
		{`"freebsd":{"jail":{"ip4":"inherit"}}`, host("ip4=inherit")},
		{`"freebsd":{"jail":{"ip4":"disable"}}`, host("ip4=disable")},
		{`"freebsd":{"jail":{"ip4":"new"}}`, host("ip4=new")},
		{`"freebsd":{"jail":{"ip4Addr":["10.1.2.3","10.1.2.4"]}}`, host("ip4.addr=10.1.2.3,10.1.2.4")},
		{`"freebsd":{"jail":{"ip4":"inherit","ip4Addr":["10.1.2.3"]}}`, host("ip4.addr=10.1.2.3")},
		{`"freebsd":{"jail":{"ip6":"inherit"}}`, host("ip6=inherit")},
		{`"freebsd":{"jail":{"ip6Addr":["fd10::0:12"]}}`, host("ip6.addr=fd10::12")},
		{`"freebsd":{"jail":{"vnet":"new"}}`, host("vnet=new")},
		{`"freebsd":{"jail":{"vnet":"inherit","ip4":"inherit"}}`, host("vnet=inherit ip4=inherit")},
		{`"freebsd":{"jail":{"vnet":"new","vnetInterfaces":["epair0b","epair1b"]}}`, host("vnet=new") + "; ifconfig epair0b vnet ID; ifconfig epair1b vnet ID"},
		{`"freebsd":{"jail":{"interface":"lo1","ip4Addr":["10.1.2.3"],"ip6Addr":["fd10::12"]}}`,
			"ifconfig lo1 inet 10.1.2.3 netmask 255.255.255.255 alias; ifconfig lo1 inet6 fd10::12 prefixlen 128 alias; " +
				host("ip4.addr=10.1.2.3 ip6.addr=fd10::12")},
		{`"freebsd":{"jail":{"sysvmsg":"inherit"}}`, strings.Replace(object, "sysvmsg=new", "sysvmsg=inherit", 1)},
		{`"freebsd":{"jail":{"sysvsem":"disable"}}`, strings.Replace(object, "sysvsem=new", "sysvsem=disable", 1)},
		{`"freebsd":{"jail":{"sysvshm":"new"}}`, object},
		{`"freebsd":{"jail":{"enforceStatfs":0}}`, strings.Replace(object, "statfs=2", "statfs=0", 1)},
		{`"freebsd":{"jail":{"enforceStatfs":1}}`, strings.Replace(object, "statfs=2", "statfs=1", 1)},

		// freebsd.jail.allow.
		{`"freebsd":{"jail":{"allow":{}}}`, object},
		{`"freebsd":{"jail":{"allow":{"setHostname":true}}}`, object + " allow.set_hostname"},
		{`"freebsd":{"jail":{"allow":{"setHostname":false}}}`, object + " allow.noset_hostname"},
		{`"freebsd":{"jail":{"allow":{"rawSockets":true}}}`, object + " allow.raw_sockets"},
		{`"freebsd":{"jail":{"allow":{"rawSockets":false}}}`, object},
		{`"freebsd":{"jail":{"allow":{"chflags":true}}}`, object + " allow.chflags"},
		{`"freebsd":{"jail":{"allow":{"mount":["tmpfs","nullfs"]}}}`, object + " allow.mount allow.mount.nullfs allow.mount.tmpfs"},
		{`"freebsd":{"jail":{"allow":{"quotas":true}}}`, object + " allow.quotas"},
		{`"freebsd":{"jail":{"allow":{"socketAf":true}}}`, object + " allow.socket_af"},
		{`"freebsd":{"jail":{"allow":{"mlock":true}}}`, object + " allow.mlock"},
		{`"freebsd":{"jail":{"allow":{"reservedPorts":true}}}`, object + " allow.reserved_ports"},
		{`"freebsd":{"jail":{"allow":{"reservedPorts":false}}}`, object + " allow.noreserved_ports"},
		{`"freebsd":{"jail":{"allow":{"suser":true}}}`, object + " allow.suser"},
		{`"freebsd":{"jail":{"allow":{"suser":false}}}`, object + " allow.nosuser"},

		// ocijail's annotations.
		{`"annotations":{"org.freebsd.parentJail":"a.b"}`, strings.Replace(plain, "name=ID", "name=a.b.ID", 1)},
		{`"annotations":{"org.freebsd.jail.vnet":"new"}`, strings.Replace(plain, "ip4=inherit ip6=inherit", "vnet=new", 1)},
		{`"annotations":{"org.freebsd.jail.vnet":"inherit"}`, strings.Replace(plain, "ip4=", "vnet=inherit ip4=", 1)},
		{`"annotations":{"org.freebsd.jail.ip4.addr":"10.0.0.1,10.0.0.2"}`, strings.Replace(plain, "ip4=inherit", "ip4.addr=10.0.0.1,10.0.0.2", 1)},
		{`"annotations":{"org.freebsd.jail.ip6.addr":"fd00::1"}`, strings.Replace(plain, "ip6=inherit", "ip6.addr=fd00::1", 1)},
		{`"annotations":{"org.freebsd.jail.ip6.add":"fd00::1"}`, strings.Replace(plain, "ip6=inherit", "ip6.addr=fd00::1", 1)},
		{`"annotations":{"org.freebsd.jail.ip4.addr":"10.0.0.1","org.freebsd.jail.vnet":"new"}`, strings.Replace(plain, "ip4=inherit ip6=inherit", "vnet=new", 1)},
		{`"annotations":{"org.freebsd.jail.sysvmsg":"new"}`, strings.Replace(plain, "enforce", "sysvmsg=new enforce", 1)},
		{`"annotations":{"org.freebsd.jail.sysvsem":"disable"}`, strings.Replace(plain, "enforce", "sysvsem=disable enforce", 1)},
		{`"annotations":{"org.freebsd.jail.sysvshm":"inherit"}`, strings.Replace(plain, "enforce", "sysvshm=inherit enforce", 1)},
		{`"annotations":{"org.freebsd.jail.allow.mlock":"true"}`, strings.Replace(plain, "allow.raw", "allow.mlock allow.raw", 1)},
		{`"annotations":{"org.freebsd.jail.allow.mount.zfs":"1"}`, strings.Replace(plain, "allow.raw", "allow.mount.zfs allow.raw", 1)},
		{`"annotations":{"org.freebsd.jail.allow.raw_sockets":"false"}`, strings.Replace(plain, "allow.raw", "allow.noraw", 1)},
		{`"annotations":{"org.freebsd.jail.allow.mount.tmpfs":"0"}`, strings.Replace(plain, "allow.raw", "allow.mount.notmpfs allow.raw", 1)},
		// Both say the same, as podman with a newer generator does.
		{`"annotations":{"org.freebsd.jail.vnet":"new"},"freebsd":{"jail":{"vnet":"new"}}`, host("vnet=new")},
		{`"annotations":{"io.container.manager":"libpod"}`, plain},
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	for _, c := range parameterRows() {
		s, _, problems := parsed(t, c.config)
		if err := problems.Err(); err != nil {
			t.Errorf("%s: %v", c.config, err)
			continue
		}
		name, err := jailName("ID", s.Parent)
		if err != nil {
			t.Errorf("%s: %v", c.config, err)
		}
		var list []tools.Command
		for _, a := range s.aliases() {
			list = append(list, a.add())
		}
		list = append(list, tools.CreateJail(texts(s.params(name, "/root", unrestricted))))
		for _, i := range s.VnetInterfaces {
			list = append(list, tools.GiveInterface(i, name))
		}
		if got := joined(list); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.config, got, c.want)
		}
	}
}

func joined(list []tools.Command) string {
	lines := make([]string, len(list))
	for i, c := range list {
		lines[i] = strings.Join(c, " ")
	}
	return strings.Join(lines, "; ")
}

// TestRowsAreComplete checks that parameterRows has each field of the specification and each
// annotation.
func TestRowsAreComplete(t *testing.T) {
	t.Parallel()
	var configs strings.Builder
	for _, c := range parameterRows() {
		configs.WriteString(c.config + "\n")
	}
	configs.WriteString(devices)
	for _, kind := range []reflect.Type{reflect.TypeFor[specs.FreeBSD](), reflect.TypeFor[specs.FreeBSDJail](), reflect.TypeFor[specs.FreeBSDJailAllow](), reflect.TypeFor[specs.FreeBSDDevice]()} {
		for i := range kind.NumField() {
			name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			if !strings.Contains(configs.String(), `"`+name+`":`) {
				t.Errorf("no row has %s of %s", name, kind)
			}
		}
	}
	for _, name := range []string{"parentJail", "jail.vnet", "jail.ip4.addr", "jail.ip6.addr", "jail.ip6.add", "jail.sysvmsg", "jail.sysvsem", "jail.sysvshm"} {
		if !strings.Contains(configs.String(), `"org.freebsd.`+name+`":`) {
			t.Errorf("no row has the annotation %s", name)
		}
	}
}

// TestPermissions tests each permission that an annotation can grant or revoke.
func TestPermissions(t *testing.T) {
	t.Parallel()
	for _, name := range permissions {
		dot := strings.LastIndexByte(name, '.') + 1
		for value, want := range map[string]string{
			"true": name, "1": name, "false": name[:dot] + "no" + name[dot:], "0": name[:dot] + "no" + name[dot:],
		} {
			s, _, problems := parsed(t, `"annotations":{"org.freebsd.jail.allow.`+name+`":"`+value+`"}`)
			if err := problems.Err(); err != nil {
				t.Errorf("%s=%s: %v", name, value, err)
				continue
			}
			i := slices.IndexFunc(s.params("x", "/", unrestricted), func(p param) bool { return p.text == "allow."+want })
			if i < 0 || s.params("x", "/", unrestricted)[i].from != `annotations["org.freebsd.jail.allow.`+name+`"]` {
				t.Errorf("%s=%s: got %v", name, value, s.params("x", "/", unrestricted))
			}
		}
	}
}

// TestVersions tests the specification versions that config.json may have.
func TestVersions(t *testing.T) {
	t.Parallel()
	for version, ok := range map[string]bool{
		"1.0.0": true, "1.0.2": true, "1.0.2-dev": true, "1.1.0": true, "1.2.0": true, "1.2.1": true, "1.3.0": true, "0.9.0": false, "2.0.0": false,
	} {
		config := `{"ociVersion":"` + version + `","process":{"args":["x"],"cwd":"/","user":{"uid":0,"gid":0}},"root":{"path":"root"},
			"annotations":{"org.freebsd.jail.vnet":"new"},"mounts":[{"destination":"/dev","type":"devfs","options":["ruleset=4"]}]}`
		s, problems := spec.Validate([]byte(config), spec.FreeBSD)
		if err := problems.Err(); (err == nil) != ok {
			t.Errorf("%s: %v", version, err)
		} else if ok && New().Check(s).Err() != nil {
			t.Errorf("%s: %v", version, New().Check(s))
		}
	}
}

// TestParametersInParent checks that ocijail's defaults do not give a jail what its parent lacks.
// What config.json asks for explicitly is left to the kernel to refuse.
func TestParametersInParent(t *testing.T) {
	t.Parallel()
	s, _, _ := parsed(t, `"annotations":{"org.freebsd.parentJail":"pod"}`)
	for parent, want := range map[inherited]string{
		{Chflags: true, EnforceStatfs: 1}:    "enforce_statfs=1 allow.chflags",
		{RawSockets: true, EnforceStatfs: 2}: "enforce_statfs=2 allow.raw_sockets",
		{}:                                   "enforce_statfs=1",
	} {
		if got := strings.Join(texts(s.params("pod.ID", "/root", parent)), " "); !strings.HasSuffix(got, "ip6=inherit "+want) {
			t.Errorf("%+v: %s", parent, got)
		}
	}
}

// TestMounts tests the mounts, each with the resulting command lines of mount(8) and devfs(8).
func TestMounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mount string
		want  []string
	}{
		{`"type":"nullfs","source":"/s"`, []string{"mount -t nullfs /s /d"}},
		{`"type":"nullfs","source":"s"`, []string{"mount -t nullfs /bundle/s /d"}},
		{`"type":"bind","source":"/s","options":["rbind","rprivate","ro","nodev"]`, []string{"mount -t nullfs -o ro /s /d"}},
		{`"type":"nullfs","source":"/s","options":["nosuid","noexec","nosymfollow","noatime","nocache"]`, []string{"mount -t nullfs -o nosuid,noexec,nosymfollow,noatime,nocache /s /d"}},
		{`"type":"tmpfs"`, []string{"mount -t tmpfs tmpfs /d"}},
		{`"type":"tmpfs","source":"x","options":["size=64m","mode=1777","uid=5","gid=6","inodes=10","rw","tmpcopyup"]`,
			[]string{"mount -t tmpfs -o size=64m,mode=1777,uid=5,gid=6,inodes=10,rw tmpfs /d"}},
		{`"type":"devfs"`, []string{"mount -t devfs devfs /d"}},
		{`"type":"devfs","options":["ruleset=4"]`, []string{"devfs rule -s 4 show", "mount -t devfs -o ruleset=4 devfs /d"}},
		{`"type":"devfs","options":["ruleset=4","rule=path pf unhide","rule=path tun* mode 660"]`,
			[]string{"devfs rule -s 4 show", "mount -t devfs -o ruleset=4 devfs /d",
				"devfs -m /d rule apply path pf unhide", "devfs -m /d rule apply path tun* mode 660"}},
		{`"type":"fdescfs","options":["linrdlnk"]`, []string{"mount -t fdescfs -o linrdlnk fdescfs /d"}},
		{`"type":"procfs"`, []string{"mount -t procfs proc /d"}},
		{`"type":"linprocfs"`, []string{"mount -t linprocfs linprocfs /d"}},
		{`"type":"linsysfs","options":["ro"]`, []string{"mount -t linsysfs -o ro linsysfs /d"}},
	} {
		_, mounts, problems := parsed(t, `"mounts":[{"destination":"/d",`+c.mount+`}]`)
		if err := problems.Err(); err != nil {
			t.Errorf("%s: %v", c.mount, err)
			continue
		}
		if got := commands(&mounts[0]); !slices.Equal(got, c.want) {
			t.Errorf("%s\ngot  %q\nwant %q", c.mount, got, c.want)
		}
	}
}

func commands(m *mount) []string {
	var list []string
	if show := m.check(); show != nil {
		list = append(list, strings.Join(show, " "))
	}
	list = append(list, strings.Join(m.command(m.Target), " "))
	for i := range m.Rules {
		list = append(list, strings.Join(m.Rules[i].command(m.Target), " "))
	}
	return list
}

// TestFeatures checks that some file system takes each option that features shows, and that no
// other option is taken.
func TestFeatures(t *testing.T) {
	t.Parallel()
	takes := func(option string) bool {
		for kind := range kinds {
			_, _, problems := parsed(t, `"mounts":[{"destination":"/d","type":"`+kind+`","source":"/s","options":["`+option+`"]}]`)
			if problems.Err() == nil {
				return true
			}
		}
		return false
	}
	f := Features()
	for _, name := range f.MountOptions {
		if !takes(name) && !takes(name+"=1") && !takes(name+"=path pf unhide") {
			t.Errorf("%s: no file system takes it", name)
		}
	}
	for _, name := range []string{"suiddir", "idmap", "userquota", "force", "update", "rro"} {
		if slices.Contains(f.MountOptions, name) || takes(name) {
			t.Errorf("%s is taken", name)
		}
	}
	for _, r := range parameterRows() {
		for _, name := range []string{"org.freebsd.parentJail", "org.freebsd.jail."} {
			if strings.Contains(r.config, `"`+name) && !slices.Contains(f.PotentiallyUnsafeConfigAnnotations, name) {
				t.Errorf("%s is not told to be unsafe", name)
			}
		}
	}
}

const devices = `"mounts":[{"destination":"/dev","type":"devfs"}],"freebsd":{"devices":[{"path":"pf","mode":448},{"path":"a/b/c"}]}`

func TestDevices(t *testing.T) {
	t.Parallel()
	_, mounts, problems := parsed(t, devices)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	want := []string{"mount -t devfs devfs /dev", "devfs -m /dev rule apply path pf unhide mode 0700",
		"devfs -m /dev rule apply path a unhide", "devfs -m /dev rule apply path a/b unhide", "devfs -m /dev rule apply path a/b/c unhide"}
	if got := commands(&mounts[0]); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestRefused tests what is refused, and the path that the error names.
func TestRefused(t *testing.T) {
	t.Parallel()
	for config, path := range map[string]string{
		`"hostname":"h","freebsd":{"jail":{"host":"inherit"}}`:                                            "freebsd.jail.host",
		`"freebsd":{"jail":{"ip4":"disable","ip4Addr":["10.0.0.1"]}}`:                                     "freebsd.jail.ip4",
		`"freebsd":{"jail":{"vnet":"new","ip6Addr":["fd00::1"]}}`:                                         "freebsd.jail.ip6",
		`"freebsd":{"jail":{"vnet":"new","ip4":"disable"}}`:                                               "freebsd.jail.ip4",
		`"freebsd":{"jail":{"interface":"lo1"}}`:                                                          "freebsd.jail.interface",
		`"freebsd":{"jail":{"parent":"a..b"}}`:                                                            "freebsd.jail.parent",
		`"freebsd":{"jail":{"parent":"a=b"}}`:                                                             "freebsd.jail.parent",
		`"freebsd":{"jail":{"vnet":"inherit"}},"annotations":{"org.freebsd.jail.vnet":"new"}`:             `annotations["org.freebsd.jail.vnet"]`,
		`"freebsd":{"jail":{"allow":{"suser":false}}},"annotations":{"org.freebsd.jail.allow.suser":"1"}`: `annotations["org.freebsd.jail.allow.suser"]`,
		`"annotations":{"org.freebsd.jail.vnet":"disable"}`:                                               `annotations["org.freebsd.jail.vnet"]`,
		`"annotations":{"org.freebsd.jail.sysvmsg":"x"}`:                                                  `annotations["org.freebsd.jail.sysvmsg"]`,
		`"annotations":{"org.freebsd.jail.ip4.addr":"fd00::1"}`:                                           `annotations["org.freebsd.jail.ip4.addr"]`,
		`"annotations":{"org.freebsd.jail.ip6.addr":"fe80::1%lo0"}`:                                       `annotations["org.freebsd.jail.ip6.addr"]`,
		`"annotations":{"org.freebsd.jail.allow.all":"1"}`:                                                `annotations["org.freebsd.jail.allow.all"]`,
		`"annotations":{"org.freebsd.jail.allow.mlock":"yes"}`:                                            `annotations["org.freebsd.jail.allow.mlock"]`,
		`"annotations":{"org.freebsd.parentJail":"-x"}`:                                                   `annotations["org.freebsd.parentJail"]`,
		`"annotations":{"org.freebsd.jail.exec.prestart":"/bin/sh"}`:                                      `annotations["org.freebsd.jail.exec.prestart"]`,
		`"mounts":[{"destination":"/d","type":"zfs","source":"x"}]`:                                       "mounts[0].type",
		`"mounts":[{"destination":"/d","type":"nullfs"}]`:                                                 "mounts[0].source",
		`"mounts":[{"destination":"/d","type":"nullfs","source":"/s","options":["ro,suiddir"]}]`:          "mounts[0].options[0]",
		`"mounts":[{"destination":"/d","type":"tmpfs","options":["size=1,export"]}]`:                      "mounts[0].options[0]",
		`"mounts":[{"destination":"/d","type":"tmpfs","options":["size=50%"]}]`:                           "mounts[0].options[0]",
		`"mounts":[{"destination":"/d","type":"nullfs","source":"/s","options":["size=1"]}]`:              "mounts[0].options[0]",
		`"mounts":[{"destination":"/d","type":"devfs","options":["ruleset=x"]}]`:                          "mounts[0].options[0]",
		`"mounts":[{"destination":"/d","type":"devfs","options":["rule=-s 4"]}]`:                          "mounts[0].options[0]",
		`"mounts":[{"destination":"/d","type":"devfs","options":["rule=hide"]}]`:                          "mounts[0].options[0]",
		`"freebsd":{"devices":[{"path":"pf"}]}`:                                                           "freebsd.devices",
		`"mounts":[{"destination":"/dev","type":"devfs"}],"freebsd":{"devices":[{"path":"da*"}]}`:         "freebsd.devices[0].path",
		`"linux":{"resources":{"cpu":{"shares":5}}}`:                                                      "linux.resources.cpu.shares",
		`"linux":{"resources":{"unified":{"a":"b"}}}`:                                                     "linux.resources.unified",
	} {
		_, _, problems := parsed(t, config)
		if !slices.ContainsFunc(problems.Errors(), func(p spec.Problem) bool { return p.Path == path }) {
			t.Errorf("%s: %v, no error at %s", config, problems, path)
		}
	}
}

// TestLimits tests resources, each with the resulting rctl(8) limits.
func TestLimits(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{
		`{}`:                                       "[]",
		`{"memory":{"limit":1048576}}`:             "[{memoryuse 1048576}]",
		`{"memory":{"limit":-1,"swap":-1}}`:        "[]",
		`{"pids":{"limit":5}}`:                     "[{maxproc 5}]",
		`{"pids":{"limit":0}}`:                     "[]",
		`{"cpu":{"quota":50000}}`:                  "[{pcpu 50}]",
		`{"cpu":{"quota":100,"period":100000}}`:    "[{pcpu 1}]",
		`{"cpu":{"quota":250000,"period":100000}}`: "[{pcpu 250}]",
		`{"cpu":{"quota":-1}}`:                     "[]",
		`{"cpu":{"quota":1000,"period":1000},"pids":{"limit":9},"memory":{"limit":1}}`:     "[{maxproc 9} {memoryuse 1} {pcpu 100}]",
		`{"devices":[{"allow":false,"access":"rwm"}],"memory":{"disableOOMKiller":false}}`: "[]",
	} {
		r, problems := spec.ParseResources([]byte(config))
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		got, problems := limitsOf(r)
		if err := problems.Err(); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v, want %s", config, got, err, want)
		}
	}
}

func TestJailName(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{"x": "x", "a-b_c+d": "a-b_c+d", "0x1f": "0x1f", "a.b": "", "123": ""} {
		if got, err := jailName(id, ""); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", id, got, err)
		}
	}
	if got, err := jailName("x", "a.b"); got != "a.b.x" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := jailName(strings.Repeat("x", 200), strings.Repeat("y", 60)); err == nil {
		t.Error("a name that is too long")
	}
	if got := fmt.Sprint(above("a.b.c")); got != "[a a.b a.b.c]" {
		t.Error(got)
	}
}
