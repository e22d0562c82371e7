package pct

import (
	"fmt"
	"strings"
	"testing"

	"github.com/berth-oci/berth/backends"
)

// vmlist returns a .vmlist with CTs of these ids.
func vmlist(ids ...string) string {
	var list []string
	for _, id := range ids {
		list = append(list, fmt.Sprintf(`"%s": {"node": "pve","type": "lxc","version": 1}`, id))
	}
	return `{"version": 1,"ids": {` + strings.Join(list, ",") + `}}`
}

// TestDiagnose checks which finding reports what is wrong with a node.
func TestDiagnose(t *testing.T) {
	t.Parallel()
	const members = `{"nodename": "pve", "version": 4, "cluster": {"name": "c", "version": 2, "nodes": 3, "quorate": %d}}`
	const stray = "#berth-container%3A /run/nowhere/x\nlxc.include: /run/nowhere/x/lxc.conf\n"
	sound := map[string]string{
		".vmlist":     vmlist("900001"),
		".members":    fmt.Sprintf(members, 1),
		"storage.cfg": "dir: local\n\tpath /var/lib/vz\n\tcontent iso,vztmpl\n\ndir: cts\n\tpath /ct\n\tcontent images,rootdir\n",
		// This VMID is out of the range, so the CT is the administrator's, whatever its description
		// says.
		"lxc/100.conf": "#berth-container%3A /run/nowhere/x\n",
	}
	settings := Settings{FirstVMID: 900000, LastVMID: 900099, Storage: "cts", Network: Network{Bridge: "lo"}}
	for name, c := range map[string]struct {
		files    map[string]string
		settings func(*Settings)
		script   string
		check    string
		verdict  backends.Verdict
		looked   string
		fix      bool
	}{
		"a node alone":    {map[string]string{".members": `{"nodename": "pve", "version": 0}`}, nil, "", "Proxmox VE cluster", backends.Pass, "on its own", false},
		"quorum":          {nil, nil, "", "Proxmox VE cluster", backends.Pass, "with quorum", false},
		"no quorum":       {map[string]string{".members": fmt.Sprintf(members, 0)}, nil, "", "Proxmox VE cluster", backends.Fail, "no quorum", false},
		"nonsense":        {map[string]string{".members": "x"}, nil, "", "Proxmox VE cluster", backends.Fail, ".members", false},
		"pct works":       {nil, nil, "", "pct", backends.Pass, "took", false},
		"pct fails":       {nil, nil, "echo 'ipcc_send_rec[1] failed: Connection refused' >&2; exit 111", "pct", backends.Fail, "Connection refused", false},
		"VMIDs":           {nil, nil, "", "VMIDs", backends.Pass, "99 of", false},
		"few VMIDs":       {nil, func(s *Settings) { s.LastVMID = 900005 }, "", "VMIDs", backends.Warn, "5 of", false},
		"no VMID":         {nil, func(s *Settings) { s.FirstVMID, s.LastVMID = 900001, 900001 }, "", "VMIDs", backends.Fail, "no VMID", false},
		"storage":         {nil, nil, "", "storage", backends.Pass, "cts", false},
		"wrong storage":   {nil, func(s *Settings) { s.Storage = "local" }, "", "storage", backends.Fail, "no containers", false},
		"no such storage": {nil, func(s *Settings) { s.Storage = "x" }, "", "storage", backends.Fail, "does not exist", false},
		"no bridge":       {nil, nil, "", "bridge", backends.Fail, "lo", false},
		"no LXCFS":        {nil, func(s *Settings) { s.LXCFS = true }, "", "LXCFS", backends.Fail, "lxcfs", false},
		"a stray CT":      {map[string]string{"lxc/900001.conf": stray + "rootfs: /srv/x\n"}, nil, "", "CTs", backends.Fail, "CT 900001 is container x of /run/nowhere", true},
		"notes alone": {map[string]string{"lxc/900001.conf": "#berth-container%3A /run/nowhere/x\nrootfs: /srv/x\n"}, nil, "", "CTs", backends.Warn,
			"only some signs of container x of /run/nowhere: it does not include", false},
		"notes edited": {map[string]string{"lxc/900001.conf": "lxc.include: /run/nowhere/x/lxc.conf\nrootfs: /srv/x\n"}, nil, "", "CTs", backends.Warn,
			"only some signs of container x of /run/nowhere: its notes do not name", false},
		"restored": {map[string]string{"lxc/900001.conf": stray + "rootfs: cts:8\n"}, nil, "", "CTs", backends.Warn, "restored from a backup", false},
		"restored elsewhere": {map[string]string{"lxc/101.conf": stray + "rootfs: cts:8\n", ".vmlist": vmlist("900001", "101")}, nil, "", "CTs", backends.Warn,
			"CT 101 has signs of container x of /run/nowhere, and volumes of its own (rootfs: cts:8)", false},
		"a stray elsewhere":  {map[string]string{"lxc/101.conf": stray + "rootfs: /srv/x\n", ".vmlist": vmlist("101")}, nil, "", "CTs", backends.Pass, "0 of", false},
		"nothing but a lock": {map[string]string{"lxc/900001.conf": "lock: create\n"}, nil, "", "CTs", backends.Warn, "nothing in it but 'lock: create'", false},
		"no CT of ours":      {nil, nil, "", "CTs", backends.Pass, "0 of", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{}
			for _, m := range []map[string]string{sound, c.files} {
				for k, v := range m {
					files[k] = v
				}
			}
			s := settings
			s.Path, _ = fakePct(t, c.script)
			if c.settings != nil {
				c.settings(&s)
			}
			e := &Enclosure{settings: s, cluster: cluster(t, files)}
			for _, f := range e.Diagnose(t.Context()) {
				if f.Check == c.check && f.Verdict == c.verdict && strings.Contains(f.Looked, c.looked) && (f.Fix != nil) == c.fix {
					return
				}
			}
			t.Errorf("no %s of %s with %q: %+v", c.verdict, c.check, c.looked, e.Diagnose(t.Context()))
		})
	}
}
