//go:build linux

package command

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/lxc"
	"github.com/berth-oci/berth/integration/pve/schema"
	"github.com/berth-oci/berth/integration/pve/volume"
)

func itoa(n int) string { return strconv.Itoa(n) }

// atOnce lists the keys that take effect in a running container without a restart.
var atOnce = []string{
	"description", "onboot", "startup", "protection", "hostname", "hookscript", "cores", "tags", "lock",
}

// change applies new values, deletions and reverts to conf. Changes that a running container cannot
// take stay pending.
func change(c *call, conf *ctconf.Config, values map[string]string, deletes, reverts []string, running bool) error {
	for _, key := range reverts {
		conf.Revert(key)
	}
	var touched []string
	for _, key := range deletes {
		_, set := conf.Get(key)
		_, waiting := conf.Pending.Get(key)
		if !set && !waiting {
			c.warn("cannot delete '%s' - not set in current configuration!", key)
			continue
		}
		if err := c.checkDelete(conf, key); err != nil {
			return err
		}
		touched = append(touched, key)
		conf.WantDeleted(key)
	}
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		value, err := c.normalize(conf, key, values[key])
		if err != nil {
			return err
		}
		touched = append(touched, key)
		conf.Want(key, value)
	}
	for _, key := range touched {
		if !running || c.hotplug(conf, key) {
			conf.Apply(key)
		}
	}
	return nil
}

func (c *call) checkDelete(conf *ctconf.Config, key string) error {
	switch {
	case key == "memory" || key == "rootfs" || key == "ostype":
		return failure.New("unable to delete required option '%s'", key)
	case key == "unprivileged":
		return failure.New("unable to delete read-only option: '%s'", key)
	case isVolumeKey(key) && conf.True("protection"):
		return failure.New("can't remove CT %s drive '%s' - protection mode enabled", c.id, key)
	}
	return nil
}

var volumeKey = regexp.MustCompile(`^(rootfs|mp\d+|unused\d+)$`)

func isVolumeKey(key string) bool { return volumeKey.MatchString(key) }

var networkKey = regexp.MustCompile(`^net\d+$`)

// normalize checks a value beyond its schema and returns it as PVE stores it.
func (c *call) normalize(conf *ctconf.Config, key, value string) (string, error) {
	switch {
	case key == "unprivileged":
		return "", failure.New("unable to modify read-only option: '%s'", key)
	case key == "tags":
		return uniqueTags(value), nil
	case key == "nameserver" || key == "searchdomain":
		return strings.Join(schema.SplitList(value), " "), nil
	case key == "cpuunits":
		units, err := strconv.Atoi(value)
		return itoa(min(max(units, 1), 10000)), err
	case mountKey.MatchString(key):
		if conf.True("protection") {
			return "", failure.New("can't update CT %s drive '%s' - protection mode enabled", c.id, key)
		}
		m, err := ctconf.ParseMount(key, value)
		if err != nil {
			return "", err
		}
		if storage, _, ok := volume.Split(m.Volume); ok && m.Kind() == ctconf.Volume {
			if err := volume.CheckRootDir(c.host, storage); err != nil {
				return "", failure.New("storage '%s' does not allow content type 'rootdir' (Container)", storage)
			}
		}
		return m.String(), nil
	case networkKey.MatchString(key):
		net, err := schema.ParseProperty(ctconf.Network, value)
		if err != nil {
			return "", err
		}
		net["type"] = "veth"
		if net["hwaddr"] == "" {
			// Proxmox's own prefix.
			net["hwaddr"] = fmt.Sprintf("BC:24:11:%02X:%02X:%02X", rand.IntN(256), rand.IntN(256), rand.IntN(256))
		}
		return schema.PrintProperty(ctconf.Network, net), nil
	}
	return value, nil
}

func uniqueTags(value string) string {
	tags := schema.SplitList(strings.ToLower(value))
	sort.Strings(tags)
	return strings.Join(slices.Compact(tags), ";")
}

// hotplug applies a pending change to the running container. It returns false if a restart is
// needed.
func (c *call) hotplug(conf *ctconf.Config, key string) bool {
	if slices.Contains(atOnce, key) {
		return true
	}
	value, set := conf.Pending.Get(key)
	amount, _ := strconv.ParseFloat(value, 64)
	limit := func(file, text string) bool {
		if err := lxc.WriteLimit(c.id, file, text); err != nil {
			c.warn("unable to hotplug %s: %v", key, err)
		}
		return true
	}
	switch key {
	case "memory":
		most, high := lxc.MemoryLimits(int64(amount))
		return set && limit("memory.high", fmt.Sprint(high)) && limit("memory.max", fmt.Sprint(most))
	case "swap":
		return limit("memory.swap.max", fmt.Sprint(int64(amount)<<20))
	case "cpulimit":
		if amount == 0 {
			return limit("cpu.max", "max")
		}
		return limit("cpu.max", fmt.Sprintf("%d 100000", int64(amount*100000)))
	case "cpuunits":
		if !set {
			value = "100"
		}
		return limit("cpu.weight", value)
	}
	return false
}
