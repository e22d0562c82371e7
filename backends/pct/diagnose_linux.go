package pct

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/berth-oci/berth/backends"
)

// Diagnose checks the node: the cluster file system, quorum, pct, VMIDs, the storage and bridge of
// the settings, LXCFS, and berth's CTs that no record names.
func (e *Enclosure) Diagnose(ctx context.Context) []backends.Finding {
	list := []backends.Finding{e.diagnoseQuorum(), e.diagnoseTool(ctx), e.diagnoseVMIDs()}
	if e.settings.Storage != "" {
		list = append(list, e.diagnoseStorage())
	}
	if bridge := e.settings.Network.Bridge; bridge != "" {
		list = append(list, diagnoseBridge(bridge))
	}
	if e.settings.LXCFS {
		list = append(list, finding("LXCFS", mountedLXCFS(), "mounted on "+lxcfsDir, "start lxcfs.service, or set pct.lxcfs to false in berth's configuration: until then no container can be made"))
	}
	return append(list, e.diagnoseCTs()...)
}

func finding(check string, err error, looked, advice string) backends.Finding {
	if err != nil {
		return backends.Finding{Check: check, Verdict: backends.Fail, Looked: err.Error(), Advice: advice}
	}
	return backends.Finding{Check: check, Verdict: backends.Pass, Looked: looked}
}

// diagnoseQuorum reads what pmxcfs says about the cluster. A node that is not in a cluster needs no
// quorum.
func (e *Enclosure) diagnoseQuorum() backends.Finding {
	const check, advice = "Proxmox VE cluster", "see 'pvecm status' and 'systemctl status pve-cluster'"
	path := filepath.Join(e.cluster.Dir, ".members")
	data, err := os.ReadFile(path)
	if err != nil {
		return finding(check, err, "", advice)
	}
	var members struct {
		Node    string `json:"nodename"`
		Cluster *struct {
			Name    string `json:"name"`
			Quorate int    `json:"quorate"`
		} `json:"cluster"`
	}
	if err := json.Unmarshal(data, &members); err != nil {
		return finding(check, fmt.Errorf("%s: %w", path, err), "", advice)
	}
	switch {
	case members.Cluster == nil:
		return finding(check, nil, "node "+members.Node+", on its own", "")
	case members.Cluster.Quorate == 0:
		return finding(check, fmt.Errorf("%w: %s", ErrNoQuorum, members.Cluster.Name), "", advice)
	}
	return finding(check, nil, fmt.Sprintf("node %s of %s, with quorum", members.Node, members.Cluster.Name), "")
}

// slowCall is how long a call of pct may take before doctor warns about it. Perl alone takes half a
// second.
const slowCall = 5 * time.Second

func (e *Enclosure) diagnoseTool(ctx context.Context) backends.Finding {
	const check = "pct"
	begin := time.Now()
	_, err := e.client(&backends.Container{}).run(ctx, []string{"list"})
	took := time.Since(begin).Round(time.Millisecond)
	f := finding(check, err, fmt.Sprintf("pct list took %v", took), "containers cannot be made on Proxmox VE")
	if err == nil && took > slowCall {
		f.Verdict, f.Advice = backends.Warn, "the node is slow: each container takes three such calls; see its load and 'systemctl status pve-cluster'"
	}
	return f
}

func (e *Enclosure) diagnoseVMIDs() backends.Finding {
	const check = "VMIDs"
	used, err := e.cluster.IDs()
	if err != nil {
		return finding(check, err, "", "see 'systemctl status pve-cluster'")
	}
	first, last := e.settings.FirstVMID, e.settings.LastVMID
	free := last - first + 1
	for id := range used {
		if e.inRange(id) {
			free--
		}
	}
	looked := fmt.Sprintf("%d of %d to %d are free", free, first, last)
	switch {
	case free <= 0:
		return finding(check, e.errNoVMID(), "", "set another pct.vmid-range in berth's configuration")
	case free < 10:
		return backends.Finding{Check: check, Verdict: backends.Warn, Looked: looked, Advice: "set a wider pct.vmid-range in berth's configuration"}
	}
	return finding(check, nil, looked, "")
}

// diagnoseStorage looks for the storage's section in storage.cfg.
func (e *Enclosure) diagnoseStorage() backends.Finding {
	const check = "storage"
	name := e.settings.Storage
	advice := "see 'pvesm status', or change pct.storage of berth's configuration"
	data, err := os.ReadFile(filepath.Join(e.cluster.Dir, "storage.cfg"))
	if err != nil {
		return finding(check, err, "", advice)
	}
	section := false
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
			_, id, _ := strings.Cut(strings.TrimSpace(line), ": ")
			section = id == name
			continue
		}
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !section || key != "content" {
			continue
		}
		if !strings.Contains(","+value+",", ",rootdir,") {
			return finding(check, fmt.Errorf("%w: %s holds %s, no containers", ErrStorage, name, value), "", advice)
		}
		return finding(check, nil, name+" takes containers", "")
	}
	return finding(check, fmt.Errorf("%w: storage '%s' does not exist", ErrStorage, name), "", advice)
}

func diagnoseBridge(name string) backends.Finding {
	_, err := os.Stat(filepath.Join("/sys/class/net", name, "bridge"))
	if err != nil {
		err = fmt.Errorf("%w: %s", ErrBridge, name)
	}
	return finding("bridge", err, name+" is there", "make it in the node's network configuration, or change pct.network.bridge of berth's configuration")
}

func (e *Enclosure) inRange(vmid int) bool {
	return vmid >= e.settings.FirstVMID && vmid <= e.settings.LastVMID
}
