//go:build linux

package command

import (
	"strconv"

	"github.com/berth-oci/berth/integration/pve/host"
	"github.com/berth-oci/berth/integration/pve/lxc"
)

func status(c *call) error {
	host.Spend(c.host.Settings.Latency.Query)
	conf, err := c.load()
	if err != nil {
		return err
	}
	running := c.running()
	if !c.flag("verbose") {
		c.say("status: %s", statusWord(running))
		return nil
	}
	megabytes := func(key, other string) string {
		n, _ := strconv.ParseInt(conf.Or(key, other), 10, 40)
		return strconv.FormatInt(n<<20, 10)
	}
	facts := [][2]string{
		{"cpus", conf.Or("cores", conf.Or("cpulimit", "1"))}, {"disk", "0"}, {"diskread", "0"}, {"diskwrite", "0"},
		{"lock", conf.Values["lock"]}, {"maxdisk", "4294967296"}, {"maxmem", megabytes("memory", "512")},
		{"maxswap", megabytes("swap", "0")}, {"mem", "0"}, {"name", conf.Or("hostname", "CT"+c.id)}, {"netin", "0"},
		{"netout", "0"}, {"pid", ""}, {"status", statusWord(running)}, {"swap", "0"}, {"tags", conf.Values["tags"]},
		{"type", "lxc"}, {"uptime", "0"}, {"vmid", c.id},
	}
	if pid, err := lxc.InitPID(c.host, c.id); running && err == nil {
		facts[12][1] = strconv.Itoa(pid)
	}
	for _, fact := range facts {
		if fact[1] != "" {
			c.say("%s: %s", fact[0], fact[1])
		}
	}
	return nil
}
