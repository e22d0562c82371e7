package bundle

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-tools/generate"

	"github.com/berth-oci/berth/bundle/image"
	"github.com/berth-oci/berth/spec"
)

// Choices holds the settings with which a caller overrides those of the image.
type Choices struct {
	// Platform is spec.Linux or spec.FreeBSD.
	Platform string
	// Args replaces the image's command. Entrypoint, if not nil, replaces its entry point and
	// command.
	Args       []string
	Entrypoint []string
	// Env lists additional variables, NAME=VALUE.
	Env []string
	// User is NAME|UID[:GROUP|GID], Cwd a path. If one is empty, the image's value applies.
	User, Cwd string
	Hostname  string
	Terminal  bool
	ReadOnly  bool
	// PlainVolumes keeps the image's volumes as directories of the root file system.
	PlainVolumes bool
	Annotations  map[string]string
	// Reserved lists annotation keys that the image may not set, in addition to those that runtimes
	// and engines act on: the keys by which the administrator's rules choose a backend.
	Reserved []string
}

// Convert makes the configuration for an image whose root file system is at rootfs (conversion.md
// of the image specification). from is nil if the root file system came without an image
// configuration. Convert also returns the names of the labels that it left out because they would
// control a runtime.
func Convert(from *image.Config, rootfs string, c *Choices) (*specs.Spec, []string, error) {
	fromImage := from != nil
	if !fromImage {
		from = &image.Config{Config: image.Execution{Cmd: []string{"/bin/sh"}}}
		from.OS = c.Platform
	}
	g := generate.NewFromSpec(platformTemplate(c.Platform, from.OS))
	g.SetRootReadonly(c.ReadOnly)
	g.SetHostname(c.Hostname)
	g.SetProcessTerminal(c.Terminal)
	args, err := command(&from.Config, c)
	if err != nil {
		return nil, nil, err
	}
	g.SetProcessArgs(args)
	if err := environment(&g, from.Config.Env, c); err != nil {
		return nil, nil, err
	}
	g.SetProcessCwd(path.Join("/", cmpOr(c.Cwd, from.Config.WorkingDir)))
	user, err := resolveUser(rootfs, cmpOr(c.User, from.Config.User))
	if err != nil {
		return nil, nil, err
	}
	g.Config.Process.User = *user
	if user.UID != 0 && g.Config.Process.Capabilities != nil {
		// A process of another user has no capabilities, but it can gain those in its bounding set
		// through file capabilities.
		g.Config.Process.Capabilities = &specs.LinuxCapabilities{Bounding: g.Config.Process.Capabilities.Bounding}
	}
	if !c.PlainVolumes {
		if err := mountVolumes(&g, rootfs, from.Config.Volumes); err != nil {
			return nil, nil, err
		}
	}
	var refused []string
	if fromImage {
		refused = annotate(&g, from, c.Reserved)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Annotations)) {
		g.AddAnnotation(key, c.Annotations[key])
	}
	return g.Config, refused, nil
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// command returns the entry point followed by the command.
func command(config *image.Execution, c *Choices) ([]string, error) {
	entrypoint, cmd := config.Entrypoint, config.Cmd
	if c.Entrypoint != nil {
		entrypoint, cmd = c.Entrypoint, nil
	}
	if len(c.Args) > 0 {
		cmd = c.Args
	}
	args := slices.Concat(entrypoint, cmd)
	if len(args) == 0 {
		return nil, errors.New("the image has neither an entry point nor a command: give a command after --")
	}
	return args, nil
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func environment(g *generate.Generator, image []string, c *Choices) error {
	g.ClearProcessEnv()
	g.AddProcessEnv("PATH", defaultPath)
	if c.Terminal {
		g.AddProcessEnv("TERM", "xterm")
	}
	for _, list := range []struct {
		of        string
		variables []string
	}{{"the image's environment", image}, {"--env", c.Env}} {
		for _, variable := range list.variables {
			name, value, ok := strings.Cut(variable, "=")
			if !ok || name == "" {
				return fmt.Errorf("%s: %.100q is not NAME=VALUE", list.of, variable)
			}
			g.AddProcessEnv(name, value)
		}
	}
	return nil
}

// The annotations in conversion.md that are not in annotations.md.
const (
	annotationCreated      = "org.opencontainers.image.created"
	annotationOS           = "org.opencontainers.image.os"
	annotationArchitecture = "org.opencontainers.image.architecture"
	annotationVariant      = "org.opencontainers.image.variant"
	annotationAuthor       = "org.opencontainers.image.author"
	annotationStopSignal   = "org.opencontainers.image.stopSignal"
	annotationPorts        = "org.opencontainers.image.exposedPorts"
)

// annotate stores the fields for which config.json has no place, and the labels, as annotations.
// Labels take precedence (conversion.md#annotation-fields). It skips the keys in more and those
// that runtimes and engines act on, and returns the skipped keys.
func annotate(g *generate.Generator, from *image.Config, more []string) (refused []string) {
	implicit := map[string]string{
		annotationOS: from.OS, annotationArchitecture: from.Architecture, annotationVariant: from.Variant,
		annotationAuthor: from.Author, annotationStopSignal: from.Config.StopSignal,
		annotationPorts: strings.Join(slices.Sorted(maps.Keys(from.Config.ExposedPorts)), ","),
	}
	if from.Created != nil {
		implicit[annotationCreated] = from.Created.Format(time.RFC3339Nano)
	}
	for _, key := range slices.Sorted(maps.Keys(implicit)) {
		switch {
		case implicit[key] == "":
		case slices.Contains(more, key):
			refused = append(refused, key)
		default:
			g.AddAnnotation(key, implicit[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(from.Config.Labels)) {
		if reserved(key) || slices.Contains(more, key) {
			refused = append(refused, key)
			continue
		}
		g.AddAnnotation(key, from.Config.Labels[key])
	}
	return refused
}

// steering lists the prefixes of annotations that runtimes and engines act on. The person who runs
// a container may set them, an image may not.
var steering = []string{
	"io.github.berth-oci.", "org.systemd.property.", "run.oci.", "org.criu.", "org.freebsd.",
	"io.kubernetes.", "io.container.", "io.containerd.", "io.podman.", "module.wasm.", "intelRdt",
}

func reserved(key string) bool {
	return key == "" || slices.ContainsFunc(steering, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// platformTemplate returns the configuration with which every bundle for a platform begins.
func platformTemplate(platform, imageOS string) *specs.Spec {
	if platform == spec.FreeBSD {
		return freebsdTemplate(imageOS)
	}
	s := Template()
	s.Process.NoNewPrivileges = false // set-user-ID programs of the image must work, as under engines
	s.Process.Rlimits = nil
	caps := func() []string { return slices.Clone(engineCapabilities) }
	s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps(), Effective: caps(), Permitted: caps()}
	return s
}

// engineCapabilities lists the capabilities that engines give to containers. It is podman's list
// (see capabilities(7)).
var engineCapabilities = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
	"CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
}

// freebsdTemplate returns a configuration with the mounts that podman gives a jail. For a Linux
// image it adds those of the Linux ABI (linux(4)).
func freebsdTemplate(imageOS string) *specs.Spec {
	g := generate.NewFromSpec(&specs.Spec{Version: specs.Version})
	g.SetRootPath(RootfsName)
	g.SetProcessCwd("/")
	g.AddMount(specs.Mount{Destination: "/dev", Type: "devfs", Source: "devfs", Options: []string{"ruleset=4"}})
	fdescfs := specs.Mount{Destination: "/dev/fd", Type: "fdescfs", Source: "fdesc"}
	if imageOS == spec.Linux {
		fdescfs.Options = []string{"linrdlnk"}
		g.AddMount(fdescfs)
		g.AddMount(specs.Mount{Destination: "/proc", Type: "linprocfs", Source: "linproc"})
		g.AddMount(specs.Mount{Destination: "/sys", Type: "linsysfs", Source: "linsys"})
		g.AddMount(specs.Mount{Destination: "/dev/shm", Type: "tmpfs", Source: "tmpfs", Options: []string{"mode=1777"}})
		return g.Config
	}
	g.AddMount(fdescfs)
	return g.Config
}
