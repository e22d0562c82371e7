package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-oci/berth/integration/freebsd/host"
)

// shares maps the parameters that say where a jail gets a resource from to their values.
var shares = map[string][]string{
	"host": {"new", "inherit"}, "vnet": {"new", "inherit"},
	"ip4": {"new", "inherit", "disable"}, "ip6": {"new", "inherit", "disable"},
	"sysvmsg": {"new", "inherit", "disable"}, "sysvsem": {"new", "inherit", "disable"}, "sysvshm": {"new", "inherit", "disable"},
}

// values are the parameters that take any value, booleans those that take none.
var (
	values   = strings.Fields("name path host.hostname host.domainname ip4.addr ip6.addr enforce_statfs children.max devfs_ruleset")
	booleans = strings.Fields("persist allow.set_hostname allow.raw_sockets allow.chflags allow.mount allow.mount.devfs allow.mount.fdescfs " +
		"allow.mount.nullfs allow.mount.procfs allow.mount.tmpfs allow.mount.zfs allow.quotas allow.socket_af allow.mlock allow.reserved_ports " +
		"allow.suser allow.read_msgbuf allow.sysvipc allow.nfsd allow.extattr allow.adjtime allow.settime allow.routing allow.setaudit " +
		"allow.unprivileged_proc_debug allow.unprivileged_parent_tampering")
)

var errPermission = errors.New("jail_set: Operation not permitted")

func jail(h *host.Host, args []string) (string, error) {
	switch {
	case len(args) > 2 && args[0] == "-i" && args[1] == "-c":
		return createJail(h, args[2:])
	case len(args) > 1 && args[0] == "-m":
		return "", setJail(h, args[1:])
	case len(args) == 2 && args[0] == "-R":
		return "", removeJail(h, args[1])
	}
	return "", errors.New("usage")
}

// parse reads parameters as jail(8) and libjail do.
func parse(args []string) (map[string]string, error) {
	params := map[string]string{}
	for _, a := range args {
		key, value, valued := strings.Cut(a, "=")
		on := key
		if dot := strings.LastIndexByte(key, '.') + 1; strings.HasPrefix(key[dot:], "no") {
			on = key[:dot] + key[dot+2:]
		}
		switch {
		case valued && shares[key] != nil:
			if !slices.Contains(shares[key], value) {
				return nil, fmt.Errorf("%s: unknown value %q", key, value)
			}
		case valued && slices.Contains(values, key):
		case !valued && slices.Contains(booleans, on):
			value = strconv.FormatBool(key == on)
			key = on
		default:
			return nil, fmt.Errorf("unknown parameter: %s", key)
		}
		if _, twice := params[key]; twice && (key == "name" || key == "path") {
			return nil, fmt.Errorf("cannot redefine parameter %q", key)
		}
		params[key] = value
	}
	return params, nil
}

// createJail follows jail_set(2) in sys/kern/kern_jail.c.
func createJail(h *host.Host, args []string) (string, error) {
	p, err := parse(args)
	if err != nil {
		return "", err
	}
	name := p["name"]
	parent, own := "", name
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		parent, own = name[:dot], name[dot+1:]
	}
	_, number := strconv.Atoi(own)
	switch {
	case p["persist"] != "true":
		return "", errors.New("jail: no command, and not persistent")
	case len(name) > 255:
		return "", errors.New("jail_set: File name too long")
	case number == nil:
		return "", errors.New("name cannot be numeric (unless it is the jid)")
	case h.Jails[name] != nil:
		return "", fmt.Errorf("jail %q already exists", name)
	case parent != "" && h.Jails[parent] == nil:
		return "", fmt.Errorf("jail %q not found", parent)
	}
	if info, err := os.Stat(p["path"]); err != nil || !info.IsDir() {
		return "", fmt.Errorf("%s: No such file or directory", p["path"])
	}
	if p["vnet"] == "new" && (p["ip4.addr"]+p["ip6.addr"] != "" || slices.Contains([]string{"new", "disable"}, p["ip4"]) || slices.Contains([]string{"new", "disable"}, p["ip6"])) {
		return "", errors.New("vnet jails cannot have IP address restrictions")
	}
	if p["host"] == "inherit" && p["host.hostname"]+p["host.domainname"] != "" {
		return "", errors.New("jail_set: Invalid argument")
	}
	statfs, err := strconv.Atoi(p["enforce_statfs"])
	if err != nil || statfs < 0 || statfs > 2 {
		return "", errors.New("jail_set: Invalid argument")
	}
	if err := within(h, parent, p, statfs); err != nil {
		return "", err
	}
	j := &host.Jail{JID: h.NextJID, Path: p["path"], Params: p}
	h.NextJID++
	h.Jails[name] = j
	return fmt.Sprintln(j.JID), nil
}

// within refuses permissions that the parent lacks, and a jail that exceeds children.max of any
// ancestor.
func within(h *host.Host, parent string, p map[string]string, statfs int) error {
	for up := parent; up != ""; {
		j := h.Jails[up]
		if children(h, up) >= j.ChildrenMax {
			return errPermission
		}
		for _, b := range booleans {
			if strings.HasPrefix(b, "allow.") && p[b] == "true" && !allowed(j, b) {
				return errPermission
			}
		}
		if above, _ := strconv.Atoi(j.Params["enforce_statfs"]); statfs < above {
			return errPermission
		}
		up = up[:max(0, strings.LastIndexByte(up, '.'))]
	}
	return nil
}

// allowed returns true if a jail has a permission. It has three by default.
func allowed(j *host.Jail, permission string) bool {
	if v, ok := j.Params[permission]; ok {
		return v == "true"
	}
	return slices.Contains([]string{"allow.set_hostname", "allow.reserved_ports", "allow.suser"}, permission)
}

func children(h *host.Host, name string) int {
	n := 0
	for other := range h.Jails {
		if strings.HasPrefix(other, name+".") {
			n++
		}
	}
	return n
}

func setJail(h *host.Host, args []string) error {
	p, err := parse(args)
	if err != nil {
		return err
	}
	j := h.Jails[p["name"]]
	if j == nil {
		return fmt.Errorf("jail %q not found", p["name"])
	}
	if len(p) != 2 || p["children.max"] == "" {
		return errors.New("the stand-in can change children.max alone")
	}
	n, err := strconv.Atoi(p["children.max"])
	if err != nil || n < 0 {
		return errors.New("jail_set: Invalid argument")
	}
	// children.max must be less than the parent's, and lowers the values of the jails inside
	// (kern_jail_set in sys/kern/kern_jail.c).
	if dot := strings.LastIndexByte(p["name"], '.'); dot >= 0 && n >= h.Jails[p["name"][:dot]].ChildrenMax {
		return errPermission
	}
	j.ChildrenMax = n
	for below, k := range h.Jails {
		if rest, ok := strings.CutPrefix(below, p["name"]+"."); ok {
			k.ChildrenMax = min(k.ChildrenMax, max(0, n-1-strings.Count(rest, ".")))
		}
	}
	return nil
}

// removeJail kills all processes in a jail, and removes it and the jails inside it. Their
// interfaces return to the host.
func removeJail(h *host.Host, name string) error {
	if h.Jails[name] == nil {
		return fmt.Errorf("jail %q not found", name)
	}
	for other, j := range h.Jails {
		if other == name || strings.HasPrefix(other, name+".") {
			killAll(j)
			delete(h.Jails, other)
			for _, i := range h.Interfaces {
				if i.Jail == other {
					i.Jail = ""
				}
			}
		}
	}
	return nil
}

func jls(h *host.Host, args []string) (string, error) {
	if len(args) < 3 || args[0] != "-j" {
		return "", errors.New("usage: jls [-dhNnqv] [-j jail] [param ...]")
	}
	name := args[1]
	j := h.Jails[name]
	if j == nil {
		return "", fmt.Errorf("jail %q not found", name)
	}
	var words []string
	for _, param := range args[2:] {
		switch {
		case param == "jid":
			words = append(words, strconv.Itoa(j.JID))
		case param == "path":
			words = append(words, j.Path)
		case param == "children.cur":
			words = append(words, strconv.Itoa(children(h, name)))
		case param == "children.max":
			words = append(words, strconv.Itoa(j.ChildrenMax))
		case param == "enforce_statfs":
			words = append(words, j.Params[param])
		case slices.Contains(booleans, param):
			words = append(words, strconv.FormatBool(allowed(j, param)))
		default:
			return "", fmt.Errorf("unknown parameter: %s", param)
		}
	}
	return strings.Join(words, " ") + "\n", nil
}
