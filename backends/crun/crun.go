// Package crun calls another OCI runtime, crun or runc, which has the containers that berth delegates
// to it. The other runtime keeps its containers in a directory of its own below berth's state
// directory. The name of that directory cannot be a container's id.
package crun

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
)

// Names of the backends.
const (
	Crun = "crun"
	Runc = "runc"
)

// Settings are the settings of a backend of this package.
type Settings struct {
	// Runtime returns the path of the other runtime, or its name on PATH. If it returns "", the
	// other runtime is the one with the backend's name; for the backend crun it is runc if there is
	// no crun. It is called only if a container's record does not name its runtime.
	Runtime func() string
	// Globals are the flags before the command's name.
	Globals Globals
	// Environ is the environment for the other runtime.
	Environ []string
}

// Backend is another runtime with its settings. It is no backends.Backend: the other runtime decides
// what it prints, where it logs and how it ends. Create and Carry return its failure as a
// *Reported. HandOver does not return if all goes well.
type Backend struct {
	name     string
	settings Settings
}

var (
	_ backends.Versioner     = (*Backend)(nil)
	_ backends.RecordChecker = (*Backend)(nil)
)

// New returns the backend of the given name, Crun or Runc.
func New(name string, s Settings) *Backend { return &Backend{name: name, settings: s} }

// Name returns the backend's name.
func (b *Backend) Name() string { return b.name }

// Usable fails if the other runtime is not found.
func (b *Backend) Usable() error {
	_, err := b.find()
	return err
}

// data is the backend's part of a container's record.
type data struct {
	// Runtime is the path of the program that created the container.
	Runtime string `json:"runtime"`
}

// Prepare records in c.Data which program gets the container. It refuses a container that would
// change the host or take the cgroup of another container. sharing returns the id of a container in
// the same state directory whose record has the same linux.cgroupsPath, or "" if there is none.
func (b *Backend) Prepare(c *backends.Container, s *specs.Spec, sharing func() string) error {
	path, err := b.find()
	if err != nil {
		return err
	}
	if err := b.guard(c, s, flavourOf(path), sharing); err != nil {
		return err
	}
	b.warnOfOther(path)
	c.Data, err = json.Marshal(data{Runtime: path})
	return err
}

// Create has the other runtime make the container, and fills in c.Process.
func (b *Backend) Create(c *backends.Container, o backends.CreateOptions) error {
	if err := b.Carry(c, createCall(c, o)); err != nil {
		return err
	}
	c.Process = readPid(pidFile(c, o))
	return nil
}

// Explain returns the command line with which the other runtime would make the container.
func (b *Backend) Explain(c *backends.Container, o backends.CreateOptions) (backends.Explanation, error) {
	cmd, err := b.command(c, createCall(c, o))
	if err != nil {
		return nil, err
	}
	var x backends.Explanation
	x.Add(b.name, backends.Line{Text: backends.CommandLine(cmd.Argv...)})
	return x, nil
}

// pidFile returns the file to which the other runtime writes the container's pid: the caller's pid
// file, or else a file in the container's state directory.
func pidFile(c *backends.Container, o backends.CreateOptions) string {
	if o.PidFile != "" {
		return o.PidFile
	}
	return filepath.Join(c.Dir, "pid")
}

// readPid returns the process that a pid file names, or the zero Process if it cannot find that
// out.
func readPid(path string) backends.Process {
	data, err := os.ReadFile(path)
	if err != nil {
		return backends.Process{}
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return backends.Process{}
	}
	p, err := backends.FindProcess(pid)
	if err != nil {
		return backends.Process{}
	}
	return p
}

// root returns the other runtime's state directory, below berth's state directory root. A
// container's id cannot contain an at sign.
func (b *Backend) root(root string) string { return filepath.Join(root, "@"+b.name) }

// Has is true if the other runtime knows the container: its directory exists. Both runtimes name it by the id.
func (b *Backend) Has(c *backends.Container) bool {
	_, err := os.Lstat(filepath.Join(b.root(c.Root), c.ID))
	return err == nil
}

// runtime returns the program that has the container: the program that created it. If that is gone,
// or if the container has no record, runtime returns the program that a new container would get.
func (b *Backend) runtime(c *backends.Container) (string, error) {
	if len(c.Data) > 0 {
		d, err := recalled(c)
		if err != nil {
			return "", fmt.Errorf("read the state of container %q: %w", c.ID, err)
		}
		if _, err := os.Stat(d.Runtime); err == nil {
			return d.Runtime, nil
		}
	}
	return b.find()
}

// CheckRecord requires that the record names the path of a program.
func (b *Backend) CheckRecord(c *backends.Container) error {
	if len(c.Data) == 0 {
		return record.Damaged("data: the program that runs the container is missing")
	}
	_, err := recalled(c)
	return err
}

func recalled(c *backends.Container) (data, error) {
	var d data
	if err := record.Data(c.Data, &d); err != nil {
		return d, err
	}
	if !filepath.IsAbs(d.Runtime) || filepath.Clean(d.Runtime) != d.Runtime {
		return d, record.Damaged("data.runtime: %.100q is not the path of a program", d.Runtime)
	}
	return d, nil
}
