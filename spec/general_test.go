package spec

import "testing"

func TestGeneralRules(t *testing.T) {
	runRules(t, Linux, []rule{
		{"valid", `{}`, nil},
		{"no version", `{"ociVersion":null}`, []string{"error ociVersion: is required"}},
		{"version of two numbers", `{"ociVersion":"1.0"}`, []string{"error ociVersion: SemVer"}},
		{"version with leading zero", `{"ociVersion":"1.01.0"}`, []string{"error ociVersion: SemVer"}},
		{"version 0", `{"ociVersion":"0.6.0"}`, []string{"error ociVersion: from 1.0.0"}},
		{"version 2", `{"ociVersion":"2.0.0"}`, []string{"error ociVersion: from 1.0.0"}},
		{"version to come", `{"ociVersion":"1.4.0"}`, []string{"warning ociVersion: newer than 1.3"}},
		{"version 1.0.0-rc5", `{"ociVersion":"1.0.0-rc5"}`, nil},
		{"version 1.2.0+dev", `{"ociVersion":"1.2.0+dev"}`, nil},
		{"version 1.0.2-dev has 1.1", `{"ociVersion":"1.0.2-dev","linux":{"resources":{"unified":{"cpu.weight":"5"}}}}`, nil},
		{"newer property", `{"ociVersion":"1.0.2","linux":{"resources":{"unified":{"cpu.weight":"5"}}}}`,
			[]string{"warning linux.resources.unified: was added in version 1.1.0, but ociVersion is 1.0.2"}},
		{"newest properties", `{"ociVersion":"1.2.1","linux":{"netDevices":{"eth0":{}},"intelRdt":{"schemata":["MB:0=20"],"enableMonitoring":true}}}`,
			[]string{"warning linux.netDevices: 1.3.0", "warning linux.intelRdt.schemata: 1.3.0", "warning linux.intelRdt.enableMonitoring: 1.3.0"}},
		{"newer everywhere", `{"ociVersion":"1.0.0","domainname":"d","freebsd":{},
			"process":{"scheduler":{"policy":"SCHED_OTHER"},"ioPriority":{"class":"IOPRIO_CLASS_BE","priority":1},"execCPUAffinity":{"initial":"1"}},
			"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"listenerPath":"/l","listenerMetadata":"m",
			"flags":["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],"syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":1},{"names":["b"],"action":"SCMP_ACT_KILL_PROCESS"}]}}}`,
			[]string{"warning domainname: 1.1.0", "warning freebsd: 1.3.0", "warning process.scheduler: 1.1.0", "warning process.ioPriority: 1.1.0",
				"warning process.execCPUAffinity: 1.2.1", "warning linux.seccomp.defaultErrnoRet: 1.1.0", "warning linux.seccomp.listenerPath: 1.1.0",
				"warning linux.seccomp.listenerMetadata: 1.1.0", "warning linux.seccomp.flags: 1.1.0", "warning linux.seccomp.syscalls[0].errnoRet: 1.1.0",
				"warning linux.seccomp.syscalls[1].action: 1.1.0", "warning freebsd: is ignored on linux"}},
		{"other platforms", `{"windows":{"layerFolders":[]},"vm":{"kernel":{"path":"/k"}}}`,
			[]string{"warning windows: is ignored on linux", "warning vm: is ignored on linux"}},
		{"no root", `{"root":null}`, []string{"error root: root must be specified"}},
		{"empty root", `{"root":{"path":""}}`, []string{"error root.path: is required"}},
		{"hostname without uts", `{"hostname":"a","linux":{"namespaces":[]}}`,
			[]string{"error hostname: unable to set hostname without a private UTS namespace"}},
		{"hostname in a joined uts", `{"hostname":"a","linux":{"namespaces":[{"type":"uts","path":"/proc/1/ns/uts"}]}}`, nil},
		{"long hostname", `{"hostname":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}`, []string{"error hostname: at most 64 bytes"}},
		{"hostname of two lines", `{"hostname":"a\nlxc.include = /x"}`, []string{"error hostname: control characters"}},
		{"domainname without uts", `{"domainname":"a","linux":{"namespaces":[]}}`, []string{"error domainname: private UTS namespace"}},
		{"annotation without key", `{"annotations":{"":"x"}}`, []string{"error annotations: must not be empty"}},
		{"annotation with anything", `{"annotations":{"a":"\u0000\n"}}`, nil},
		{"hook paths", `{"hooks":{"prestart":[{"path":"bin/x"}],"poststop":[{"path":""}]}}`,
			[]string{"error hooks.prestart[0].path: absolute path", "error hooks.poststop[0].path: is required"}},
		{"hook timeout", `{"hooks":{"createRuntime":[{"path":"/x","timeout":1},{"path":"/x","timeout":0}]}}`,
			[]string{"error hooks.createRuntime[1].timeout: from 1"}},
		{"hook environment", `{"hooks":{"poststart":[{"path":"/x","env":["A=b","C"]}]}}`, []string{"warning hooks.poststart[0].env[1]: NAME=VALUE"}},
		{"NUL", `{"process":{"args":["a","b\u0000c"]},"linux":{"sysctl":{"net.a":"\u0000"},"cgroupsPath":"a\u0000"}}`,
			[]string{"error linux.cgroupsPath: control", "error process.args[1]: NUL byte", `error linux.sysctl["net.a"]: NUL byte`,
				"error linux.cgroupsPath: NUL byte"}},
		{"NUL in a name", `{"linux":{"resources":{"unified":{"a\u0000":"1"}}}}`,
			[]string{"error linux.resources.unified[\"a\\x00\"]: control", "error linux.resources.unified[\"a\\x00\"]: NUL byte"}},
	})
}

func TestMountRules(t *testing.T) {
	maps := `"uidMappings":[{"containerID":0,"hostID":1,"size":1}],"gidMappings":[{"containerID":0,"hostID":1,"size":1}]`
	runRules(t, Linux, []rule{
		{"no destination", `{"mounts":[{"destination":"","type":"tmpfs"}]}`, []string{"error mounts[0].destination: is required"}},
		{"relative destination", `{"mounts":[{"destination":"tmp","type":"tmpfs"}]}`, []string{"warning mounts[0].destination: is not absolute"}},
		{"bind without source", `{"mounts":[{"destination":"/a","options":["rbind"]}]}`, []string{"error mounts[0].source: is required for a bind mount"}},
		{"bind with relative source", `{"mounts":[{"destination":"/a","source":"a","options":["bind","ro"]}]}`, nil},
		{"remount", `{"mounts":[{"destination":"/a","options":["remount","bind","ro"]}]}`, nil},
		{"no type", `{"mounts":[{"destination":"/a","source":"b","options":["ro"]}]}`, []string{"error mounts[0].type: is required unless"}},
		{"type bind alone", `{"mounts":[{"destination":"/a","source":"/b","type":"bind"}]}`, []string{"warning mounts[0].type: does not make a bind mount: only the options bind and rbind"}},
		{"data for bind", `{"mounts":[{"destination":"/a","source":"/b","options":["bind","size=1","idmap=x"]}]}`,
			[]string{"warning mounts[0].options[1]: filesystem-specific"}},
		{"empty option", `{"mounts":[{"destination":"/a","type":"tmpfs","options":[""]}]}`, []string{"warning mounts[0].options[0]: is empty"}},
		{"idmap without mappings", `{"mounts":[{"destination":"/a","source":"/b","options":["bind","idmap"]}]}`,
			[]string{"error mounts[0].options: idmap and ridmap need uidMappings and gidMappings, or a"}},
		{"idmap by the namespace", `{"mounts":[{"destination":"/a","source":"/b","options":["bind","idmap"]}],
			"linux":{"namespaces":[{"type":"user","path":"/u"}]}}`, nil},
		{"mappings", `{"mounts":[{"destination":"/a","source":"/b","options":["bind","ridmap"],` + maps + `}]}`, nil},
		{"mappings without option", `{"mounts":[{"destination":"/a","source":"/b","options":["bind"],` + maps + `}]}`,
			[]string{"warning mounts[0].options: should include idmap or ridmap, because the mount has"}},
		{"mappings on tmpfs", `{"mounts":[{"destination":"/a","type":"tmpfs","options":["idmap"],` + maps + `}]}`, []string{"warning mounts[0]: bind mounts"}},
		{"half of the mappings", `{"mounts":[{"destination":"/a","source":"/b","options":["bind","idmap"],"uidMappings":[{"containerID":0,"hostID":1,"size":0}]}]}`,
			[]string{"error mounts[0].gidMappings: is required if uidMappings is set", "error mounts[0].uidMappings[0].size: at least 1"}},
	})
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for _, v := range []string{"1.0.0", "1.0.0-rc5", "1.2.0+dev", "1.0.2-dev", "1.0.0-a.0.b-c+001.x", "1.10.0"} {
		if _, _, ok := parseVersion(v); !ok {
			t.Errorf("%s is refused", v)
		}
	}
	for _, v := range []string{"", "1", "1.0", "1.0.0.0", "01.0.0", "1.0.x", "1.0.0-", "1.0.0-a..b", "1.0.0-01", "1.0.0+", "1.0.0+a_b", "v1.0.0", "1.0.0 ",
		"99999999999999999999.0.0", "1..0", "-1.0.0"} {
		if _, _, ok := parseVersion(v); ok {
			t.Errorf("%q is taken", v)
		}
	}
}
