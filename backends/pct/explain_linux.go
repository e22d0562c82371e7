package pct

import (
	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

// configFile returns the path of the LXC configuration that the CT's configuration includes.
func configFile(j *enclosure.Job) string { return included(j.Container) }

// Explain returns the calls of pct and the included configuration. The VMID is the first that
// create would try now.
func (e *Enclosure) Explain(j *enclosure.Job) (backends.Explanation, error) {
	used, err := e.cluster.IDs()
	if err != nil {
		return nil, err
	}
	options := e.options(j)
	for options.VMID = range e.free(j.Container, used) {
		break
	}
	if options.VMID == 0 {
		return nil, e.errNoVMID()
	}
	if err := e.planCgroup(j, options.VMID); err != nil {
		return nil, err
	}
	lines, err := e.config(j).Lines()
	if err != nil {
		return nil, err
	}
	var x backends.Explanation
	create := options.args()
	calls := []backends.Line{{Text: backends.CommandLine(append([]string{"pct"}, create[:3]...)...) + " …"}}
	for _, o := range options.options() {
		calls = append(calls, backends.Line{Text: "  " + backends.CommandLine(o.name, o.value), From: o.from})
	}
	x.Add("pct create", calls...)
	x.Add("added to "+e.cluster.ConfigFile(options.VMID), backends.Line{Text: includeLine(configFile(j))})
	x.Add("LXC configuration "+configFile(j), lines...)
	x.Add("pct start", backends.Line{Text: backends.CommandLine(append([]string{"pct"}, startArgs(options.VMID)...)...)})
	return x, nil
}
