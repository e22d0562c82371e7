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

	"github.com/berth-oci/berth/spec"
)

// Lack is a limit for which the host has no controller, or the controller no file. Its
// text has none of the kernel's words: engines take these for a program that is missing
// in the container.
type Lack struct {
	// Field is the JSON path of the limit, Reason what there is not.
	Field, Reason string
}

func (l *Lack) Error() string { return l.Field + ": " + l.Reason }

// Lacks are all limits that one host or cgroup has no place for. As an error it tells of
// the first.
type Lacks []*Lack

func (l Lacks) Error() string {
	if n := len(l) - 1; n > 0 {
		return fmt.Sprintf("%v (and %d more; see berth validate)", l[0], n)
	}
	return l[0].Error()
}

// Err is nil if there are none.
func (l Lacks) Err() error {
	if len(l) == 0 {
		return nil
	}
	return l
}

// Foresee names the limits that no cgroup of this host can have, before there is one for
// them: those of controllers that the kernel or whoever gave berth its cgroups lacks,
// and of files that another cgroup with the controller lacks. On a host with another
// version of cgroups it names none.
func Preflight(r *cgroups.Resources) Lacks {
	if CheckUnified() != nil {
		return nil
	}
	return preflight(Mount, r)
}

// Missing names the limits that the cgroup at path cannot have.
func Missing(path string, r *cgroups.Resources) Lacks {
	return missing(Mount, path, r)
}

func preflight(mount string, r *cgroups.Resources) (lacks Lacks) {
	list := writes(r)
	if len(list) == 0 {
		return nil
	}
	have, err := controllers(mount)
	if err != nil {
		return nil // create says why
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

func missing(mount, path string, r *cgroups.Resources) (lacks Lacks) {
	list := writes(r)
	if len(list) == 0 {
		return nil
	}
	dir := filepath.Join(mount, path)
	have, err := controllers(dir)
	if err != nil {
		return nil // it has gone
	}
	host, err := controllers(mount)
	if err != nil {
		return nil
	}
	for i := range list {
		w := &list[i]
		switch {
		case w.optional:
		case w.controller != "" && !slices.Contains(host, w.controller):
			lacks = append(lacks, w.noController(mount, host))
		case w.controller != "" && !slices.Contains(have, w.controller):
			lacks = append(lacks, &Lack{w.field, fmt.Sprintf("cgroup %s has no %s controller (its %s has %s): one above it does not give it on, as processes are in that, or in what is made of threads (cgroups(7), cgroup.subtree_control)",
				path, w.controller, controllersFile, listed(have))})
		case !w.hasFile(dir):
			lacks = append(lacks, w.noFile())
		}
	}
	return lacks
}

func (w *write) hasFile(dir string) bool {
	return slices.ContainsFunc(w.files, func(file string) bool {
		_, err := os.Lstat(filepath.Join(dir, file))
		return !errors.Is(err, fs.ErrNotExist)
	})
}

func (w *write) noController(mount string, have []string) *Lack {
	return &Lack{w.field, fmt.Sprintf("the host's cgroups have no %s controller (%s has %s): leave the limit out, or see that the kernel has the controller and that whatever berth runs in gives it to berth",
		w.controller, filepath.Join(mount, controllersFile), listed(have))}
}

func (w *write) noFile() *Lack {
	owner := "cgroups of this kernel have no "
	if w.controller != "" {
		owner = "the " + w.controller + " controller of this kernel has no "
	}
	reason := owner + fmt.Sprintf("%.100s", strings.Join(w.files, " and no "))
	if w.lacking != "" {
		reason += ": " + w.lacking
	}
	return &Lack{w.field, reason}
}

const controllersFile = "cgroup.controllers"

// controllers are those of a cgroup.
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

// nowhere says that the cgroups right below mount which have the controller lack its
// file. All cgroups but the first of all, which has none of them, have the same files of a
// controller. Where no cgroup has it yet that cannot be known.
func (w *write) nowhere(mount string) bool {
	lacks := ""
	for dir := range neighbours(mount) {
		if !has(dir, w.controller) {
			continue
		}
		if w.hasFile(dir) {
			return false
		}
		lacks = dir
	}
	return lacks != "" && has(lacks, w.controller) // one that is being removed loses its files first
}

func has(dir, controller string) bool {
	list, err := controllers(dir)
	return err == nil && slices.Contains(list, controller)
}

// neighbours goes through the cgroups right below mount, at first those that systemd has
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

// explained adds to an error of the library's, which applies limits to the cgroup at
// path, the field that it is about. What the cgroup lacks is an error in any case: the
// library passes over some of it.
func explained(path string, r *cgroups.Resources, err error) error {
	if lacks := Missing(path, r); len(lacks) > 0 {
		return lacks
	}
	if err == nil {
		return nil
	}
	at := "linux.resources"
	var failed *fs.PathError
	if errors.As(err, &failed) {
		file := filepath.Base(failed.Path)
		list := writes(r)
		if i := slices.IndexFunc(list, func(w write) bool { return slices.Contains(w.files, file) }); i >= 0 {
			at = list[i].field
		}
	}
	return spec.Fieldf(at, "apply to cgroup %s: %w", path, err)
}
