package pct

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// LXCFSAnnotation turns LXCFS on ("true") or off ("false") for a container, whatever the settings
// say.
const LXCFSAnnotation = "io.github.berth-oci.pct.lxcfs"

// lxcfsDir is where lxcfs(1) is mounted on Debian and Proxmox VE.
const lxcfsDir = "/var/lib/lxcfs"

// lxcfsProc are the files in /proc of which LXCFS has a version.
var lxcfsProc = []string{"cpuinfo", "diskstats", "loadavg", "meminfo", "slabinfo", "stat", "swaps", "uptime"}

// wantsLXCFS reports whether a container sees its own limits in /proc.
func (e *Enclosure) wantsLXCFS(s *specs.Spec) bool {
	if own := s.Annotations[LXCFSAnnotation]; own != "" {
		return own == "true"
	}
	return e.settings.LXCFS
}

func checkLXCFS(s *specs.Spec) spec.Problems {
	switch own := s.Annotations[LXCFSAnnotation]; own {
	case "", "true", "false":
		return nil
	default:
		return spec.Problems{annotationProblem(LXCFSAnnotation, "must be true or false, not %q", own)}
	}
}

// Mounts returns bind mounts of LXCFS's files over those in the /proc and /sys that config.json
// mounts. LXC's own hook would mount them in LXC's rootfs, which the container never sees. It fails
// if the container wants LXCFS and LXCFS is not mounted.
func (e *Enclosure) Mounts(s *specs.Spec) ([]specs.Mount, error) {
	if !e.wantsLXCFS(s) {
		return nil, nil
	}
	if err := mountedLXCFS(); err != nil {
		return nil, err
	}
	return lxcfsMounts(s, lxcfsDir, "/"), nil
}

func mountedLXCFS() error {
	var st unix.Statfs_t
	err := unix.Statfs(lxcfsDir, &st)
	if err == nil && st.Type != unix.FUSE_SUPER_MAGIC {
		err = errors.New("it is not mounted")
	}
	if err != nil {
		return fmt.Errorf("LXCFS on %s, which the annotation %s or pct.lxcfs of berth's configuration asks for: %w: see 'systemctl status lxcfs'",
			lxcfsDir, LXCFSAnnotation, err)
	}
	return nil
}

// lxcfsMounts returns bind mounts from dir for the files that exist both there and in the kernel's
// file systems below host. It omits a file if config.json mounts something on it.
func lxcfsMounts(s *specs.Spec, dir, host string) []specs.Mount {
	var list []specs.Mount
	mounts := func(destination string) bool {
		return slices.ContainsFunc(s.Mounts, func(m specs.Mount) bool { return path.Clean(m.Destination) == destination })
	}
	add := func(destination string) {
		source := filepath.Join(dir, destination)
		for _, p := range []string{source, filepath.Join(host, destination)} {
			if _, err := os.Lstat(p); err != nil {
				return
			}
		}
		if !mounts(destination) {
			list = append(list, specs.Mount{Destination: destination, Type: "bind", Source: source, Options: []string{"bind", "ro", "nosuid", "nodev", "noexec"}})
		}
	}
	if mounts("/proc") {
		for _, name := range lxcfsProc {
			add("/proc/" + name)
		}
	}
	if mounts("/sys") {
		const cpus = "/sys/devices/system/cpu"
		// Some versions of LXCFS have the whole directory, others one file.
		if _, err := os.Lstat(filepath.Join(dir, cpus, "uevent")); err == nil {
			add(cpus)
		} else {
			add(cpus + "/online")
		}
	}
	return list
}
