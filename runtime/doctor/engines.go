package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/berth-oci/berth/backends"
)

// engines checks whether the installed container engines know berth.
func (d *Doctor) engines(context.Context) []backends.Finding {
	var list []backends.Finding
	for _, e := range []struct {
		program  string
		diagnose func() backends.Finding
	}{
		{"podman", d.podman},
		{"containerd", d.containerd},
		{"dockerd", d.docker},
	} {
		if d.installed(e.program) {
			list = append(list, e.diagnose())
		}
	}
	return list
}

// lines joins lines that are to be pasted into a file.
func lines(text ...string) string { return strings.Join(text, "\n") }

var programDirs = []string{"/usr/local/bin", "/usr/bin", "/usr/sbin", "/usr/local/sbin"}

func (d *Doctor) installed(program string) bool {
	for _, dir := range programDirs {
		if info, err := os.Stat(d.path(filepath.Join(dir, program))); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// containersConf is the part of containers.conf(5) that matters here.
type containersConf struct {
	Engine struct {
		Runtime  string              `toml:"runtime"`
		JSON     []string            `toml:"runtime_supports_json"`
		Runtimes map[string][]string `toml:"runtimes"`
	} `toml:"engine"`
}

// podman checks podman's configuration. It reads the files in podman's order: the distribution's,
// the administrator's, then the drop-ins by name.
func (d *Doctor) podman() backends.Finding {
	const check = "podman"
	files := []string{"/usr/share/containers/containers.conf", "/etc/containers/containers.conf"}
	for _, dir := range []string{"/usr/share/containers/containers.conf.d", "/etc/containers/containers.conf.d"} {
		names, _ := filepath.Glob(d.path(dir) + "/*.conf")
		slices.Sort(names)
		for _, n := range names {
			files = append(files, filepath.Join(dir, filepath.Base(n)))
		}
	}
	var merged containersConf
	for _, name := range files {
		data, err := os.ReadFile(d.path(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			// Unmarshal keeps the values that this file does not set.
			err = toml.Unmarshal(data, &merged)
		}
		if err != nil {
			return fail(check, fmt.Sprintf("%s: %v", name, err), "podman cannot read it either: correct the file")
		}
	}
	e := merged.Engine
	paste := lines("add to /etc/containers/containers.conf.d/berth.conf:", "[engine]",
		`runtime_supports_json = ["crun", "runc", "berth", "berth-lxc", "berth-pct", "berth-crun", "berth-runc"]`,
		"[engine.runtimes]", fmt.Sprintf("berth = [%q]", d.Program))
	var known []string
	for name, paths := range e.Runtimes {
		if isBerth(name) || slices.ContainsFunc(paths, isBerth) {
			known = append(known, name)
		}
	}
	slices.Sort(known)
	if len(known) == 0 {
		return warn(check, "installed, but berth is not among its runtimes", paste)
	}
	for _, name := range known {
		for _, program := range append([]string{name}, baseNames(e.Runtimes[name])...) {
			if isBerth(program) && !slices.Contains(e.JSON, program) {
				return warn(check, fmt.Sprintf("runtime_supports_json does not list %q", program),
					"podman does not show berth's errors without it: "+paste)
			}
		}
	}
	return pass(check, "runtimes: "+strings.Join(known, ", ")+"; default: "+orDefault(e.Runtime, "crun or runc"))
}

func isBerth(path string) bool {
	name := filepath.Base(path)
	return name == "berth" || strings.HasPrefix(name, "berth-")
}

func baseNames(paths []string) []string {
	var names []string
	for _, p := range paths {
		names = append(names, filepath.Base(p))
	}
	return names
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// containerd looks for berth as the BinaryName of a runtime in containerd's config.toml. It
// searches all tables, because versions of the file have it in different places.
func (d *Doctor) containerd() backends.Finding {
	const check, name = "containerd", "/etc/containerd/config.toml"
	data, err := os.ReadFile(d.path(name))
	var tree map[string]any
	if err == nil {
		err = toml.Unmarshal(data, &tree)
	}
	paste := d.containerdLines(name, tree)
	if errors.Is(err, fs.ErrNotExist) {
		return warn(check, "installed, but there is no "+name, paste)
	}
	if err != nil {
		return fail(check, fmt.Sprintf("%s: %v", name, err), "containerd cannot read it either: correct the file")
	}
	if found := binaryNames(tree); len(found) > 0 {
		return pass(check, "BinaryName "+strings.Join(found, ", "))
	}
	return warn(check, "installed, but berth is not among the runtimes in "+name, paste)
}

// containerdLines returns lines to paste into containerd's configuration. containerd 2 writes
// version 3 of the file, where the CRI plugin has another name. It reads older versions too.
func (d *Doctor) containerdLines(file string, tree map[string]any) string {
	plugin := "io.containerd.grpc.v1.cri"
	if version, _ := tree["version"].(int64); version >= 3 {
		plugin = "io.containerd.cri.v1.runtime"
	}
	table := fmt.Sprintf("plugins.%q.containerd.runtimes.berth", plugin)
	return lines("add to "+file+":", "["+table+"]", `  runtime_type = "io.containerd.runc.v2"`,
		"["+table+".options]", fmt.Sprintf("  BinaryName = %q", d.Program))
}

func binaryNames(tree map[string]any) []string {
	var found []string
	for key, value := range tree {
		switch v := value.(type) {
		case string:
			if key == "BinaryName" && isBerth(v) {
				found = append(found, v)
			}
		case map[string]any:
			found = append(found, binaryNames(v)...)
		}
	}
	slices.Sort(found)
	return found
}

func (d *Doctor) docker() backends.Finding {
	const check, name = "Docker Engine", "/etc/docker/daemon.json"
	paste := lines("add to "+name+":", fmt.Sprintf(`{"runtimes": {"berth": {"path": %q}}}`, d.Program))
	data, err := os.ReadFile(d.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return warn(check, "installed, but there is no "+name, paste)
	}
	var conf struct {
		Runtimes map[string]struct {
			Path string `json:"path"`
		} `json:"runtimes"`
	}
	if err == nil {
		err = json.Unmarshal(data, &conf)
	}
	if err != nil {
		return fail(check, fmt.Sprintf("%s: %v", name, err), "dockerd cannot read it either: correct the file")
	}
	for name, r := range conf.Runtimes {
		if isBerth(r.Path) || isBerth(name) {
			return pass(check, "runtime: "+name)
		}
	}
	return warn(check, "installed, but berth is not among the runtimes in "+name, paste)
}
