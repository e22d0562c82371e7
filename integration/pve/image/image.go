// Package image edits a container's files as PVE does unless the ostype is unmanaged.
package image

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/failure"
)

// Unmanaged is the ostype whose files are not touched.
const Unmanaged = "unmanaged"

// Configure writes hostname, hosts and resolv.conf in a root. Symbolic links cannot lead it out of
// the root.
func Configure(directory string, conf *ctconf.Section, id string) error {
	if conf.Values["ostype"] == Unmanaged {
		return nil
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return fmt.Errorf("open the container's root: %w", err)
	}
	defer root.Close()
	name := conf.Or("hostname", "CT"+id)
	short, _, _ := strings.Cut(name, ".")
	resolver := ""
	for _, server := range strings.Fields(conf.Values["nameserver"]) {
		resolver += "nameserver " + server + "\n"
	}
	if resolver == "" {
		host, _ := os.ReadFile("/etc/resolv.conf")
		resolver = string(host)
	}
	mark := func(text string) string { return "# --- BEGIN PVE ---\n" + text + "# --- END PVE ---\n" }
	for file, text := range map[string]string{
		"etc/hostname":    short + "\n",
		"etc/hosts":       mark("127.0.1.1 " + name + " " + short + "\n"),
		"etc/resolv.conf": mark(resolver),
	} {
		if err := root.MkdirAll(path.Dir(file), 0o755); err != nil {
			return fmt.Errorf("make %s in the container: %w", path.Dir(file), err)
		}
		if err := root.WriteFile(file, []byte(text), 0o644); err != nil {
			return fmt.Errorf("write %s in the container: %w", file, err)
		}
	}
	return nil
}

// families maps the ID in os-release to PVE's ostype.
var families = map[string]string{
	"debian": "debian", "devuan": "devuan", "ubuntu": "ubuntu", "centos": "centos", "fedora": "fedora",
	"opensuse": "opensuse", "arch": "archlinux", "alpine": "alpine", "gentoo": "gentoo", "nixos": "nixos",
}

// Detect sets ostype and architecture from the image if the configuration does not have them.
func Detect(directory string, conf *ctconf.Section, say func(format string, args ...any)) error {
	if _, ok := conf.Get("ostype"); !ok {
		raw, _ := os.ReadFile(filepath.Join(directory, "etc/os-release"))
		for line := range strings.Lines(string(raw)) {
			if id, ok := strings.CutPrefix(strings.TrimSpace(line), "ID="); ok {
				conf.Set("ostype", families[strings.Trim(id, `"'`)])
			}
		}
		if conf.Values["ostype"] == "" {
			conf.Delete("ostype")
			return failure.New("unable to detect OS distribution")
		}
	}
	if _, ok := conf.Get("arch"); !ok {
		arch := runtime.GOARCH
		if arch != "arm64" && arch != "riscv64" {
			arch = "amd64"
		}
		say("Falling back to %s.\nUse `pct set VMID --arch ARCH` to change.", arch)
		conf.Set("arch", arch)
	}
	return nil
}

var compressions = map[string]string{
	"": "", ".gz": "-z", ".bz2": "-j", ".xz": "-J", ".lzo": "--lzop", ".zst": "--zstd",
}

// Compression returns tar's option for a template's name. It fails if the name is not a tar
// archive's.
func Compression(name string) (string, error) {
	_, suffix, ok := cutLast(name, ".tar")
	if !ok || strings.Count(suffix, ".") > 1 || suffix != "" && suffix[0] != '.' {
		return "", failure.New("file does not look like a template archive: %s", name)
	}
	option, known := compressions[suffix]
	if !known {
		return "", failure.New("unrecognized compression format: %s", suffix)
	}
	return option, nil
}

func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}
