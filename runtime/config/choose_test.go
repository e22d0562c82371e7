package config

import (
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func pointer[T any](v T) *T { return &v }

func TestRules(t *testing.T) {
	private := &specs.Linux{Namespaces: []specs.LinuxNamespace{
		{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.IPCNamespace}}}
	container := func(annotations map[string]string) *Container {
		return &Container{ID: "web-1", Bundle: "/srv/web/1", Spec: &specs.Spec{Linux: private, Annotations: annotations}}
	}
	cri := map[string]string{"io.kubernetes.cri.sandbox-namespace": "kube-system", "io.kubernetes.cri.sandbox-name": "dns-0"}
	crio := map[string]string{"io.kubernetes.pod.namespace": "kube-system", "io.kubernetes.pod.name": "dns-0"}
	hostNetwork := &Container{Spec: &specs.Spec{Linux: &specs.Linux{}}}
	for name, c := range map[string]struct {
		rule Rule
		on   *Container
		want bool
	}{
		"id":                         {Rule{ID: "web-*"}, container(nil), true},
		"other id":                   {Rule{ID: "web"}, container(nil), false},
		"bundle across slashes":      {Rule{Bundle: "/srv/*"}, container(nil), true},
		"other bundle":               {Rule{Bundle: "/opt/*"}, container(nil), false},
		"both must hold":             {Rule{ID: "web-*", Bundle: "/opt/*"}, container(nil), false},
		"annotation":                 {Rule{Annotations: map[string]string{"a": "b"}}, container(map[string]string{"a": "b"}), true},
		"annotation is there":        {Rule{Annotations: map[string]string{"a": "*"}}, container(map[string]string{"a": ""}), true},
		"annotation is absent":       {Rule{Annotations: map[string]string{"a": "*"}}, container(nil), false},
		"annotation differs":         {Rule{Annotations: map[string]string{"a": "b"}}, container(map[string]string{"a": "c"}), false},
		"one annotation of two":      {Rule{Annotations: map[string]string{"a": "b", "c": "d"}}, container(map[string]string{"a": "b"}), false},
		"containerd's namespace":     {Rule{Namespace: "kube-*"}, container(cri), true},
		"CRI-O's namespace":          {Rule{Namespace: "kube-*"}, container(crio), true},
		"no namespace":               {Rule{Namespace: "*"}, container(nil), false},
		"containerd's pod":           {Rule{Pod: "dns-?"}, container(cri), true},
		"CRI-O's pod":                {Rule{Pod: "dns-?"}, container(crio), true},
		"other pod":                  {Rule{Pod: "web-?"}, container(cri), false},
		"privileged":                 {Rule{Privileged: pointer(true)}, hostNetwork, true},
		"not privileged":             {Rule{Privileged: pointer(true)}, container(nil), false},
		"wanted without privileges":  {Rule{Privileged: pointer(false)}, container(nil), true},
		"privileged, is not to be":   {Rule{Privileged: pointer(false)}, hostNetwork, false},
		"privileged and another one": {Rule{Privileged: pointer(true), ID: "x"}, hostNetwork, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.rule.Matches(c.on); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestChoose(t *testing.T) {
	annotated := map[string]string{DefaultAnnotation: "runc"}
	rules := []Rule{{Backend: "crun", ID: "a"}, {Backend: "runc", ID: "*"}, {Backend: "pct", ID: "a"}}
	for name, c := range map[string]struct {
		chooser     Chooser
		annotations map[string]string
		want        string
		err         string
	}{
		"flag":                  {Chooser{Flag: "pct", CalledAs: "lxc", Config: &Config{Annotation: DefaultAnnotation, Rules: rules}}, annotated, "pct", ""},
		"name":                  {Chooser{CalledAs: "lxc", Config: &Config{Annotation: DefaultAnnotation, Rules: rules}}, annotated, "lxc", ""},
		"annotation":            {Chooser{Config: &Config{Annotation: DefaultAnnotation, Rules: rules[:1]}}, annotated, "runc", ""},
		"annotation not heeded": {Chooser{Config: &Config{Rules: rules}}, annotated, "crun", ""},
		"first rule":            {Chooser{Config: &Config{Default: "lxc", Rules: rules}}, nil, "crun", ""},
		"default":               {Chooser{Config: &Config{Default: "pct", Rules: []Rule{{Backend: "crun", ID: "b"}}}, Host: "lxc"}, nil, "pct", ""},
		"host":                  {Chooser{Config: &Config{}, Host: "lxc"}, nil, "lxc", ""},
		"unknown flag":          {Chooser{Flag: "kvm", Config: &Config{}}, nil, "", "kvm"},
		"unknown name":          {Chooser{CalledAs: "kvm", Config: &Config{}}, nil, "", "was called"},
		"unknown annotation":    {Chooser{Config: &Config{Annotation: DefaultAnnotation}}, map[string]string{DefaultAnnotation: "kvm"}, "", DefaultAnnotation},
		"none":                  {Chooser{Config: &Config{}}, nil, "", "no backend"},
	} {
		t.Run(name, func(t *testing.T) {
			c.chooser.Known = known
			got, err := c.chooser.For(&Container{ID: "a", Spec: &specs.Spec{Annotations: c.annotations}})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("got %v, %v", got, err)
				}
				return
			}
			if err != nil || got.Backend != c.want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}
