package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var known = []string{"crun", "lxc", "pct", "runc"}

func TestParse(t *testing.T) {
	yes := true
	const text = `default = "lxc"
annotation = "example.org/place"

[crun]
runtime = "/usr/bin/crun"

[pct]
vmid-range = [9000, 9999]
tags = ["berth"]
lxcfs = true
lxc-lines = ["lxc.cgroup2.cgroup.max.depth = 9", "lxc.net.0.mtu=1400", "lxc.sysctl.net.ipv4.ip_forward = 1", "lxc.hook.start-host = /x y"]

[[rule]]
backend = "pct"
id = "web-*"
[rule.annotations]
"io.kubernetes.cri.container-type" = "sandbox"

[[rule]]
backend = "crun"
privileged = true
`
	got, err := Parse("c.toml", []byte(text), known)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Default: "lxc", Annotation: "example.org/place",
		Crun: Crun{Runtime: "/usr/bin/crun"},
		Pct: Pct{VMIDs: VMIDs{9000, 9999}, Tags: []string{"berth"}, LXCFS: true, Lines: []string{
			"lxc.cgroup2.cgroup.max.depth = 9", "lxc.net.0.mtu=1400", "lxc.sysctl.net.ipv4.ip_forward = 1", "lxc.hook.start-host = /x y"}},
		Rules: []Rule{
			{Backend: "pct", ID: "web-*", Annotations: map[string]string{"io.kubernetes.cri.container-type": "sandbox"}},
			{Backend: "crun", Privileged: &yes},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestErrors checks that each error names the file, the line and the key.
func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"no TOML":             {"default = \n", []string{"c.toml:1: "}},
		"unterminated":        {"\n[crun\n", []string{"c.toml:2: "}},
		"unknown key":         {"\ncolour = 1\n", []string{"c.toml:2: colour: unknown setting"}},
		"unknown keys":        {"a = 1\nb = 1\n", []string{"c.toml:1: a: ", "c.toml:2: b: "}},
		"unknown table":       {"[jails]\nx = 1\n", []string{"c.toml:1: jails: unknown setting"}},
		"unknown rule key":    {"[[rule]]\nbackend = \"lxc\"\nid = \"a\"\n\n[[rule]]\nbackend = \"lxc\"\nids = \"a\"\n", []string{"c.toml:7: rule[2].ids: unknown setting"}},
		"wrong type":          {"default = 1\n", []string{"c.toml:1: default: must be a string, not an integer"}},
		"wrong types":         {"[lxc]\npath = true\n[pct]\ntags = [\"a\", 1979-05-27]\nnetwork = {tag = 1.5, rate = 2}\n", []string{"c.toml:2: lxc.path: must be a string, not a boolean", "c.toml:5: pct.network.tag: must be an integer, not a number", "c.toml:4: pct.tags[2]: must be a string, not a date or time"}},
		"no table":            {"pct = 1\n", []string{"c.toml:1: pct: must be a table, not an integer"}},
		"in an inline table":  {"[pct]\nnetwork = {tag = 5000, bridge = \"b\"}\n", []string{"c.toml:2: pct.network.tag: must be a VLAN from 1 to 4094, or 0 for none, not 5000"}},
		"in a dotted key":     {"\npct.network.tag = \"b\"\n", []string{"c.toml:2: pct.network.tag: must be an integer, not a string"}},
		"no annotation":       {"[[rule]]\nid = \"a\"\nbackend = \"lxc\"\n[[rule]]\n[rule.annotations]\na = 1\n", []string{"c.toml:6: rule[2].annotations.a: must be a string, not an integer"}},
		"a number too large":  {"[pct]\ntimeout = 99999999999999999999\n", []string{"c.toml:2: "}},
		"wrong type in rule":  {"[[rule]]\nbackend = \"lxc\"\nprivileged = \"yes\"\n", []string{"c.toml:3: rule[1].privileged: must be a boolean, not a string"}},
		"unknown default":     {"# x\ndefault = \"docker\"\n", []string{`c.toml:2: default: must be one of crun, lxc, pct, runc, not "docker"`}},
		"unknown in rule":     {"[[rule]]\nid = \"a\"\nbackend = \"kvm\"\n", []string{`c.toml:3: rule[1].backend: must be one of crun, lxc, pct, runc, not "kvm"`}},
		"rule without one":    {"\n[[rule]]\nid = \"a\"\n", []string{"c.toml:2: rule[1]: the rule has no backend"}},
		"no condition":        {"\n\n[[rule]]\nbackend = \"lxc\"\n", []string{"c.toml:3: rule[1]: the rule has no condition"}},
		"both in inline":      {"rule = [{id = \"a\"},\n {backend = \"lxc\"}]\n", []string{"c.toml:1: rule[1]: the rule has no backend", "c.toml:1: rule[2]: the rule has no condition"}},
		"table for rule list": {"\n[rule]\nbackend = \"lxc\"\n", []string{"c.toml:2: rule: rules are a list: write [[rule]]"}},
		"relative path":       {"[lxc]\npath = \"bin\"\n", []string{`c.toml:2: lxc.path: must be an absolute path, not "bin"`}},
		"relative runtime":    {"[crun]\nruntime = \"./crun\"\n", []string{"c.toml:2: crun.runtime: "}},
		"range of one":        {"[pct]\nvmid-range = [100]\n", []string{"c.toml:2: pct.vmid-range: must be a range [first, last] from 100 to 999999999, not [100]"}},
		"range upside down":   {"[pct]\nvmid-range = [200, 100]\n", []string{"c.toml:2: pct.vmid-range: "}},
		"range too low":       {"[pct]\nvmid-range = [1, 100]\n", []string{"c.toml:2: pct.vmid-range: "}},
		"a tag":               {"[pct]\ntags = [\"ok\", \"a;b\"]\n", []string{"c.toml:2: pct.tags[2]: "}},
		"a line in a pool":    {"[pct]\npool = \"a\\nb\"\n", []string{"c.toml:2: pct.pool: "}},
		"a key in a bridge":   {"[pct.network]\nbridge = \"a,tag=1\"\n", []string{"c.toml:2: pct.network.bridge: "}},
		"a network without":   {"[pct.network]\ntag = 1\n", []string{"c.toml:1: pct.network: bridge is required"}},
		"no VLAN":             {"[pct.network]\nbridge = \"b\"\ntag = 5000\n", []string{"c.toml:3: pct.network.tag: "}},
		"an address alone":    {"[pct.network]\nbridge = \"b\"\nip = \"10.0.0.1\"\n", []string{"c.toml:3: pct.network.ip: "}},
		"the other family":    {"[pct.network]\nbridge = \"b\"\ngateway = \"fd00::1\"\nip6 = \"1.2.3.4/8\"\n", []string{"c.toml:3: pct.network.gateway: ", "c.toml:4: pct.network.ip6: "}},
		"a storage":           {"[pct]\nstorage = \"x y\"\n", []string{"c.toml:2: pct.storage: "}},
		"another's line":      {"[pct]\nlxc-lines = [\"lxc.net.0.mtu = 1400\",\n  \"lxc.rootfs.path = /\"]\n", []string{"c.toml:2: pct.lxc-lines[2]: "}},
		"a line without":      {"[pct]\nlxc-lines = [\"lxc.net.0.mtu\", \"lxc.hook.stop =\"]\n", []string{"c.toml:2: pct.lxc-lines[1]: ", "c.toml:2: pct.lxc-lines[2]: "}},
		"two lines in one":    {"[pct]\nlxc-lines = [\"lxc.net.0.mtu = 1\\nlxc.rootfs.path = /\"]\n", []string{"c.toml:2: pct.lxc-lines[1]: "}},
		"no line of LXC's":    {"[pct]\nlxc-lines = [\"memory = 1\", \"lxc.include = /x\", \"lxc.cap.drop = all\"]\n", []string{"c.toml:2: pct.lxc-lines[1]: ", "c.toml:2: pct.lxc-lines[2]: ", "c.toml:2: pct.lxc-lines[3]: "}},
		"LXCFS":               {"[pct]\nlxcfs = \"on\"\n", []string{"c.toml:2: pct.lxcfs: "}},
		"given twice":         {"default = \"lxc\"\ndefault = \"pct\"\n", []string{"c.toml:2: default: "}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("c.toml", []byte(c.text), known)
			if err == nil {
				t.Fatal("no error")
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(c.want) {
				t.Fatalf("got %q, want %d errors", lines, len(c.want))
			}
			for i, want := range c.want {
				if !strings.HasPrefix(lines[i], want) {
					t.Errorf("got %q, want %q…", lines[i], want)
				}
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("%T is no *Error", err)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none"), known); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that was named and is absent: %v", err)
	}
	path := filepath.Join(dir, "c.toml")
	if err := os.WriteFile(path, []byte("default = \"crun\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, known)
	if err != nil || c.Default != "crun" || c.Annotation != DefaultAnnotation {
		t.Errorf("got %+v, %v", c, err)
	}
	if err := os.WriteFile(path, make([]byte, maxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, known); err == nil {
		t.Error("a file too large is read")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("default = \"lxc\"\n[[rule]]\nid = \"a\"\nannotations = {\"a.b\" = \"c\"}\n[rule.annotations]\n"))
	f.Add([]byte("rule = [{id = \"a\"}]\n[pct]\nvmid-range = [1, 2]\n[rule]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("c.toml", data, known)
		if (c == nil) == (err == nil) {
			t.Errorf("got %v and %v", c, err)
		}
	})
}
