package schema

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Format errors end in a newline, like the text of Perl's die, and PVE prints them that way.
func wrong(format string, args ...any) error { return fmt.Errorf(format+"\n", args...) }

func matches(pattern, message string) func(string) error {
	form := sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
	return func(v string) error {
		if !form().MatchString(v) {
			return wrong("%s", message)
		}
		return nil
	}
}

const dnsLabel = `([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)`

var formats = map[string]func(string) error{
	"pve-vmid": matches(`^[1-9][0-9]{2,8}$`, "value does not look like a valid VM ID"),
	"dns-name": matches(`^(`+dnsLabel+`\.)*`+dnsLabel+`$`, "value does not look like a valid DNS name"),
	"mac-addr": matches(`(?i)^[a-f0-9][02468ace](?::[a-f0-9]{2}){5}$`,
		"value does not look like a valid unicast MAC address"),
	"pve-tag":           matches(`(?i)^[a-z0-9_][a-z0-9_+.-]*$`, "invalid characters in tag"),
	"pve-poolid":        matches(`^[A-Za-z0-9._/-]+$`, "value does not look like a valid pool ID"),
	"pve-startup-order": matches(`^(?:(?:(?:order=)?\d+|up=\d+|down=\d+)?(?:,|$))+$`, "unable to parse startup options"),
	"pve-configid":      configID,
	"pve-storage-id":    storageID,
	"pve-volume-id":     volumeID,
	"pve-lxc-mp-string": mountPath,
	"pve-lxc-dev-string": func(v string) error {
		if !strings.HasPrefix(v, "/dev/") || dotSegment.MatchString(v) {
			return wrong("%s is not a valid device path", v)
		}
		return nil
	},
	"disk-size": func(v string) error {
		if _, ok := ParseSize(v); !ok {
			return wrong("value does not look like a valid disk size: %s", v)
		}
		return nil
	},
	"ipv4":                 address(true, "value does not look like a valid IPv4 address"),
	"ipv6":                 address(false, "value does not look like a valid IPv6 address"),
	"lxc-ip-with-ll-iface": nameserver,
	"pve-ipv4-config":      network(true, "dhcp", "manual"),
	"pve-ipv6-config":      network(false, "auto", "dhcp", "manual"),
	"pve-ct-timezone":      matches(`^[A-Za-z0-9_+/-]+$`, "invalid time zone"),
}

var (
	configIDForm  = regexp.MustCompile(`(?i)^[a-z][a-z0-9_-]+$`)
	storageIDForm = regexp.MustCompile(`(?i)^[a-z][a-z0-9\-_.]*[a-z0-9]$`)
	dotSegment    = regexp.MustCompile(`/\.\.?(/|$)`)
)

func checkFormat(path string, p *Prop, value string) error {
	if p.Sub != nil {
		_, err := parseProperty(p.Sub, value, path)
		return err
	}
	if p.Format == "" {
		return nil
	}
	if single, list := strings.CutSuffix(p.Format, "-list"); list {
		for _, item := range SplitList(value) {
			if err := formats[single](item); err != nil {
				return err
			}
		}
		return nil
	}
	return formats[p.Format](value)
}

// SplitList splits a list at commas, semicolons and blanks.
func SplitList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(",; \t\n\x00", r) })
}

func configID(v string) error {
	if !configIDForm.MatchString(v) {
		return wrong("invalid configuration ID '%s'", v)
	}
	return nil
}

func storageID(v string) error {
	if len(v) < 2 {
		return wrong("storage ID '%s' cannot be shorter than 2 characters", v)
	}
	if !storageIDForm.MatchString(v) {
		return wrong("storage ID '%s' contains illegal characters", v)
	}
	return nil
}

func volumeID(v string) error {
	id, volume, ok := strings.Cut(v, ":")
	if !ok || volume == "" || storageID(id) != nil {
		return wrong("unable to parse volume ID '%s'", v)
	}
	return nil
}

func mountPath(v string) error {
	if dotSegment.MatchString(v) || strings.HasPrefix(v, "../") {
		return wrong("%s contains illegal character sequences", v)
	}
	return nil
}

func address(v4 bool, message string) func(string) error {
	return func(v string) error {
		a, err := netip.ParseAddr(v)
		if err != nil || a.Is4() != v4 || a.Zone() != "" {
			return wrong("%s", message)
		}
		return nil
	}
}

func nameserver(v string) error {
	host, _, link := strings.Cut(v, "%")
	a, err := netip.ParseAddr(host)
	if err != nil || link && !a.IsLinkLocalUnicast() {
		return wrong("value does not look like a valid IP address")
	}
	return nil
}

func network(v4 bool, words ...string) func(string) error {
	family, least := "ipv4", 8
	if !v4 {
		family, least = "ipv6", 8
	}
	return func(v string) error {
		if contains(words, v) {
			return nil
		}
		p, err := netip.ParsePrefix(v)
		if err == nil && p.Addr().Is4() != v4 {
			err = errors.New("the other family")
		}
		if err != nil || p.Bits() < least {
			return wrong("value does not look like a valid %s network configuration", family)
		}
		return nil
	}
}

var sizeForm = regexp.MustCompile(`^(\d+(?:\.\d+)?)([KMGT]?)(?:iB)?$`)

// ParseSize converts a size such as 4G to bytes.
func ParseSize(v string) (bytes int64, ok bool) {
	m := sizeForm.FindStringSubmatch(v)
	if m == nil {
		return 0, false
	}
	number, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, false
	}
	if m[2] != "" {
		for range strings.Index(" KMGT", m[2]) {
			number *= 1024
		}
	}
	return int64(number), true
}

// FormatSize is the inverse of ParseSize, with the largest unit that divides bytes.
func FormatSize(bytes int64) string {
	units := []string{"", "K", "M", "G", "T"}
	i := 0
	for bytes != 0 && bytes%1024 == 0 && i < len(units)-1 {
		bytes /= 1024
		i++
	}
	return strconv.FormatInt(bytes, 10) + units[i]
}

// CheckFormat checks only the format of a value, not its length, range or enumeration.
func CheckFormat(p *Prop, value string) error { return checkFormat("", p, value) }
