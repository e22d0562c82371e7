package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/cgroups"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// Lacks are all limits that a host or a cgroup cannot apply, because it lacks the controller or the
// controller's file. The text describes the first. It does not quote the kernel's error, because
// engines would read that as a missing program in the container.
type Lacks []*spec.FieldError

func (l Lacks) Error() string {
	if n := len(l) - 1; n > 0 {
		return fmt.Sprintf("%v (and %d more: 'berth validate' lists them)", l[0], n)
	}
	return l[0].Error()
}

// Err returns l as an error, or nil if l is empty.
func (l Lacks) Err() error {
	if len(l) == 0 {
		return nil
	}
	return l
}

// Preflight returns the limits that no cgroup of this host can have, before the container's cgroup
// is made. These are the limits whose controller is missing in the kernel or was not delegated to
// berth, and those whose file is missing in another cgroup with the controller. On a host without
// cgroup v2 it returns none.
func Preflight(r *cgroups.Resources) Lacks {
	if CheckUnified() != nil {
		return nil
	}
	return preflight(Mount, r)
}

// Missing returns the limits that the cgroup cannot have. If the cgroup has been removed, it
// returns none.
func (g *Group) Missing(r *cgroups.Resources) Lacks {
	host, err := controllers(Mount)
	if err != nil {
		return nil
	}
	return g.missing(host, r)
}

func preflight(mount string, r *cgroups.Resources) (lacks Lacks) {
	list := writes(r)
	if len(list) == 0 {
		return nil
	}
	have, err := controllers(mount)
	if err != nil {
		return nil // create will report the error
	}
	looked := map[string]bool{}
	for i := range list {
		w := &list[i]
		switch {
		case w.optional, w.controller == "":
		case !slices.Contains(have, w.controller):
			lacks = append(lacks, w.noController(mount, have))
		default:
			files := strings.Join(w.files, "/")
			if _, known := looked[files]; !known {
				looked[files] = w.nowhere(mount)
			}
			if looked[files] {
				lacks = append(lacks, w.noFile())
			}
		}
	}
	return lacks
}

func (g *Group) missing(host []string, r *cgroups.Resources) (lacks Lacks) {
	list := writes(r)
	if len(list) == 0 {
		return nil
	}
	data, err := g.read(controllersFile)
	if err != nil {
		return nil
	}
	have := strings.Fields(string(data))
	for i := range list {
		w := &list[i]
		switch {
		case w.optional:
		case w.controller != "" && !slices.Contains(host, w.controller):
			lacks = append(lacks, w.noController(Mount, host))
		case w.controller != "" && !slices.Contains(have, w.controller):
			lacks = append(lacks, w.errorf("cgroup %s has no %s controller (its %s has %s): a parent cgroup does not enable it for its children, because the parent has processes or is threaded (cgroups(7), cgroup.subtree_control)",
				g.path, w.controller, controllersFile, listed(have)))
		case !w.hasFile(g.lstat):
			lacks = append(lacks, w.noFile())
		}
	}
	return lacks
}

// hasFile reports whether a cgroup has one of the files. lstat looks for a file in it.
func (w *write) hasFile(lstat func(file string) error) bool {
	return slices.ContainsFunc(w.files, func(file string) bool { return !errors.Is(lstat(file), fs.ErrNotExist) })
}

func (g *Group) lstat(file string) error {
	return unix.Fstatat(g.fd, file, &unix.Stat_t{}, unix.AT_SYMLINK_NOFOLLOW)
}

func (w *write) noController(mount string, have []string) *spec.FieldError {
	return w.errorf("the host's cgroups have no %s controller (%s has %s): omit the limit, or make sure that the kernel has the controller and that it is delegated to the cgroup in which berth runs",
		w.controller, filepath.Join(mount, controllersFile), listed(have))
}

func (w *write) noFile() *spec.FieldError {
	owner := "cgroups of this kernel have no "
	if w.controller != "" {
		owner = "the " + w.controller + " controller of this kernel has no "
	}
	reason := owner + fmt.Sprintf("%.100s", strings.Join(w.files, " and no "))
	if w.lacking != "" {
		reason += ": " + w.lacking
	}
	return w.errorf("%s", reason)
}

func (w *write) errorf(format string, args ...any) *spec.FieldError {
	return &spec.FieldError{Path: w.field, Err: fmt.Errorf(format, args...)}
}

const controllersFile = "cgroup.controllers"

// controllers returns the controllers of a cgroup.
func controllers(dir string) ([]string, error) {
	data, err := os.ReadFile(filepath.Join(dir, controllersFile))
	return strings.Fields(string(data)), err
}

func listed(controllers []string) string {
	if len(controllers) == 0 {
		return "none"
	}
	return strings.Join(controllers, " ")
}

// nowhere reports whether the cgroups directly below mount that have the controller lack its file.
// All cgroups with a controller have the same files, except the root cgroup, which has none of
// them. If no cgroup has the controller yet, the answer is unknown and nowhere returns false.
func (w *write) nowhere(mount string) bool {
	lacks := ""
	for dir := range neighbours(mount) {
		if !has(dir, w.controller) {
			continue
		}
		if w.hasFile(func(file string) error { _, err := os.Lstat(filepath.Join(dir, file)); return err }) {
			return false
		}
		lacks = dir
	}
	return lacks != "" && has(lacks, w.controller) // a cgroup being removed loses its files first
}

func has(dir, controller string) bool {
	list, err := controllers(dir)
	return err == nil && slices.Contains(list, controller)
}

// neighbours iterates over the cgroups directly below mount, starting with those that systemd has
// on every host.
func neighbours(mount string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, name := range []string{"system.slice", "init.scope"} {
			if !yield(filepath.Join(mount, name)) {
				return
			}
		}
		entries, err := os.ReadDir(mount)
		if err != nil {
			return
		}
		for _, e := range entries {
			if e.IsDir() && !yield(filepath.Join(mount, e.Name())) {
				return
			}
		}
	}
}
