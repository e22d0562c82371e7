package lxc

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/host"
	"github.com/berth-oci/berth/integration/pve/schema"
)

// HookDirectory holds the programs that LXC calls, under Proxmox's names.
const HookDirectory = "/usr/share/lxc/hooks"

// NetworkScript is the program that LXC calls for each network device.
const NetworkScript = "/usr/share/lxc/lxcnetaddbr"

// Hooks maps keys in LXC's configuration to Proxmox's hooks.
var Hooks = map[string]string{
	"pre-start": "lxc-pve-prestart-hook",
	"autodev":   "lxc-pve-autodev-hook",
	"post-stop": "lxc-pve-poststop-hook",
}

const shareDirectory = "/usr/share/lxc/config"

// generator writes one container's LXC configuration, in PVE's order.
type generator struct {
	host        *host.Host
	id          string
	conf        *ctconf.Section
	features    map[string]string
	controllers map[string]bool
	text        strings.Builder
}

// WriteConfig generates /var/lib/lxc/ID/config and creates the directories around it.
func WriteConfig(h *host.Host, id string, conf *ctconf.Section) error {
	dir := filepath.Join(h.LXCPath(), id)
	if conf.True("template") {
		_ = os.Remove(dir + "/config")
		return nil
	}
	if err := os.MkdirAll(dir+"/rootfs", 0o755); err != nil {
		return fmt.Errorf("make the container's directory: %w", err)
	}
	text, err := Generate(h, id, conf)
	if err != nil {
		return err
	}
	temporary := fmt.Sprintf("%s/config.tmp.%d", dir, os.Getpid())
	if err := os.WriteFile(temporary, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the container's LXC configuration: %w", err)
	}
	return os.Rename(temporary, dir+"/config")
}

// Generate returns the text of /var/lib/lxc/ID/config.
func Generate(h *host.Host, id string, conf *ctconf.Section) (string, error) {
	g := &generator{host: h, id: id, conf: conf, controllers: controllers(), features: map[string]string{}}
	if value, ok := conf.Get("features"); ok {
		parts, err := schema.ParseProperty(ctconf.Features, value)
		if err != nil {
			return "", err
		}
		g.features = parts
	}
	for _, step := range []func() error{g.base, g.security, g.devices, g.process, g.limits, g.root, g.networks, g.raw} {
		if err := step(); err != nil {
			return "", err
		}
	}
	return g.text.String(), nil
}

func (g *generator) line(key, format string, args ...any) {
	fmt.Fprintf(&g.text, "%s = %s\n", key, fmt.Sprintf(format, args...))
}

func (g *generator) unprivileged() bool {
	return g.conf.True("unprivileged") || g.conf.HasRaw("lxc.idmap")
}

func (g *generator) base() error {
	g.line("lxc.cgroup.relative", "0")
	g.line("lxc.cgroup.dir.monitor", "lxc.monitor/%s", g.id)
	g.line("lxc.cgroup.dir.container", "lxc/%s", g.id)
	g.line("lxc.cgroup.dir.container.inner", "ns")
	arch, ok := g.conf.Get("arch")
	if !ok {
		return failure.New("missing 'arch' - internal error")
	}
	g.line("lxc.arch", "%s", arch)
	ostype, ok := g.conf.Get("ostype")
	if !ok {
		return failure.New("missing 'ostype' - internal error")
	}
	g.include(ostype, "common.conf")
	// Proxmox's package has its hooks in common.conf.d. The stand-in's hooks must not touch other
	// LXC containers.
	for _, key := range []string{"pre-start", "autodev", "post-stop"} {
		g.line("lxc.hook."+key, "%s/%s", HookDirectory, Hooks[key])
	}
	if g.unprivileged() {
		g.include(ostype, "userns.conf")
	}
	return nil
}

func (g *generator) include(ostype, name string) {
	path := fmt.Sprintf("%s/%s.%s", shareDirectory, ostype, name)
	if _, err := os.Stat(path); err != nil {
		path = shareDirectory + "/" + name
	}
	g.line("lxc.include", "%s", path)
}

func (g *generator) security() error {
	enabled, _ := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	if strings.HasPrefix(string(enabled), "Y") && !g.conf.HasRaw("lxc.apparmor.profile") {
		g.line("lxc.apparmor.profile", "generated")
		g.line("lxc.apparmor.raw", "allow mqueue,")
		if g.features["nesting"] == "1" {
			g.line("lxc.apparmor.allow_nesting", "1")
			g.line("lxc.apparmor.raw", "allow userns,")
		} else {
			g.line("lxc.apparmor.raw", "deny mount -> /proc/,")
			g.line("lxc.apparmor.raw", "deny mount -> /sys/,")
		}
		for _, kind := range schema.SplitList(g.features["mount"]) {
			g.line("lxc.apparmor.raw", "mount fstype=%s,", kind)
		}
	}
	if g.features["fuse"] == "1" {
		g.line("lxc.mount.entry", "/dev/fuse dev/fuse none bind,create=file 0 0")
	}
	if g.unprivileged() && g.features["force_rw_sys"] != "1" {
		g.line("lxc.mount.auto", "sys:mixed")
	}
	if init := g.conf.Or("entrypoint", defaultInit); init != defaultInit {
		g.line("lxc.mount.entry", "shm dev/shm tmpfs rw,nosuid,nodev,create=dir 0 0")
	}
	return nil
}

const defaultInit = "/sbin/init"

func (g *generator) process() error {
	g.line("lxc.monitor.unshare", "1")
	if g.conf.True("unprivileged") && !g.conf.HasRaw("lxc.idmap") {
		g.line("lxc.idmap", "u 0 100000 65536")
		g.line("lxc.idmap", "g 0 100000 65536")
	}
	if g.conf.Or("console", "1") == "0" {
		g.line("lxc.console.path", "none")
		if g.controllers != nil {
			g.line("lxc.cgroup2.devices.deny", "c 5:1 rwm")
		}
	}
	g.line("lxc.tty.max", "%s", g.conf.Or("tty", "2"))
	g.line("lxc.environment", "TERM=linux")
	g.line("lxc.uts.name", "%s", g.conf.Or("hostname", "CT"+g.id))
	return nil
}

func (g *generator) limits() error {
	if g.controllers["memory"] {
		memory, err := strconv.ParseInt(g.conf.Or("memory", "512"), 10, 40)
		if err != nil {
			return failure.New("memory: %v", err)
		}
		swap, err := strconv.ParseInt(g.conf.Or("swap", "0"), 10, 40)
		if err != nil {
			return failure.New("swap: %v", err)
		}
		max, high := MemoryLimits(memory)
		g.line("lxc.cgroup2.memory.max", "%d", max)
		g.line("lxc.cgroup2.memory.high", "%d", high)
		g.line("lxc.cgroup2.memory.swap.max", "%d", swap<<20)
	}
	if g.controllers["cpu"] {
		limit, _ := strconv.ParseFloat(g.conf.Or("cpulimit", "0"), 64)
		if limit > 0 {
			g.line("lxc.cgroup2.cpu.max", "%d 100000", int64(limit*100000))
		}
		if units, ok := g.conf.Get("cpuunits"); ok {
			g.line("lxc.cgroup2.cpu.weight", "%s", units)
		}
	}
	return nil
}

func (g *generator) root() error {
	if _, ok := g.conf.Get("rootfs"); !ok {
		return failure.New("missing 'rootfs' configuration")
	}
	g.line("lxc.rootfs.path", "%s/%s/rootfs", g.host.LXCPath(), g.id)
	if init, ok := g.conf.Get("entrypoint"); ok {
		g.line("lxc.init.cmd", "%s", init)
	}
	return nil
}

func (g *generator) raw() error {
	for _, variable := range g.conf.Env {
		// Only Proxmox's LXC has lxc.environment.runtime. Stock LXC refuses it.
		g.line("lxc.environment", "%s", variable)
	}
	for _, raw := range g.conf.Raw {
		g.line(raw.Key, "%s", raw.Value)
	}
	cores, _ := strconv.Atoi(g.conf.Or("cores", "0"))
	if cores > 0 && g.controllers["cpuset"] && !g.conf.HasRaw("lxc.cgroup2.cpuset.cpus") {
		if list := randomCPUs(cores); list != "" {
			g.line("lxc.cgroup2.cpuset.cpus", "%s", list)
		}
	}
	return nil
}
