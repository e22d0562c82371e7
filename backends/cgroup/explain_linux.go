package cgroup

import (
	"fmt"
	"strings"

	devices "github.com/opencontainers/cgroups/devices/config"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
)

// Explain lists which values of linux.resources are written to which cgroup files, as the cgroup
// library translates them, and which of them create would refuse because this host lacks a
// controller or a file. nodes is as in [Resources].
func Explain(r *specs.LinuxResources, nodes []specs.LinuxDevice) ([]backends.Line, error) {
	res, err := Resources(r, nodes)
	if err != nil || r == nil {
		return nil, err
	}
	var x, last []backends.Line
	lacks := map[string]error{}
	for _, l := range Preflight(res) {
		lacks[l.Path] = l.Err
	}
	for _, w := range writes(res) {
		line := backends.Line{Text: w.String(), From: w.field}
		if reason := lacks[w.field]; reason != nil {
			line.Text += "; create refuses it: " + reason.Error()
		}
		if strings.HasPrefix(w.field, "linux.resources.unified[") {
			last = append(last, line)
		} else {
			x = append(x, line)
		}
	}
	for _, w := range rows(res, false) {
		x = append(x, backends.Line{Text: errOnlyV1.Error(), From: w.field})
	}
	for i := range r.Devices {
		rules, _ := deviceRules(&r.Devices[i], "") // Resources has checked them
		for _, rule := range rules {
			x = append(x, backends.Line{Text: ruleText(rule), From: fmt.Sprintf("linux.resources.devices[%d]", i)})
		}
	}
	for _, rule := range defaultRules(nodes) {
		x = append(x, backends.Line{Text: ruleText(rule)})
	}
	return append(x, last...), nil
}

func ruleText(r *devices.Rule) string {
	if r.Allow {
		return "devices: allow " + r.CgroupString()
	}
	return "devices: deny " + r.CgroupString()
}
