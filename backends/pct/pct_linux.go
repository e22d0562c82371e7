// Package pct is the backend that runs a container as a Proxmox VE container: a
// CT made, started and destroyed by pct, with an LXC configuration of berth's
// included.
package pct

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing"
	"github.com/berth-oci/berth/backends/lxc"
	"github.com/berth-oci/berth/backends/lxcsocket"
	"github.com/berth-oci/berth/spec"
)

// Settings are the administrator's choices.
type Settings struct {
	// Path of pct; found on PATH if empty.
	Path string
	// FirstVMID to LastVMID is the range for berth's CTs.
	FirstVMID, LastVMID int
	// Pool takes the CTs, Tags are added to them.
	Pool string
	Tags []string
	// Storage is for what a CT has beside its root; Proxmox VE's default if empty.
	Storage string
	// Network is for the containers that ask for it.
	Network Network
	// LXCFS shows containers their own limits in /proc, unless they say otherwise.
	LXCFS bool
	// Lines are added to each container's LXC configuration.
	Lines []string
	// CgroupsPath puts containers into the cgroup that their config.json names,
	// if it names one, instead of Proxmox VE's lxc/VMID.
	CgroupsPath bool
	// Timeout bounds each call of pct.
	Timeout time.Duration
	// QuorumWait is how long to wait for quorum; 0 is not at all.
	QuorumWait time.Duration
	// ClusterDir is /etc/pve, but in tests.
	ClusterDir string
}

// Defaults of Settings.
const (
	DefaultFirstVMID = 900000
	DefaultLastVMID  = 999999
	defaultCluster   = "/etc/pve"
)

// New is the pct backend.
func New(s Settings) backends.Backend {
	if s.FirstVMID == 0 && s.LastVMID == 0 {
		s.FirstVMID, s.LastVMID = DefaultFirstVMID, DefaultLastVMID
	}
	if s.ClusterDir == "" {
		s.ClusterDir = defaultCluster
	}
	return enclosing.Backend{Enclosure: &Enclosure{settings: s, cluster: Cluster{Dir: s.ClusterDir}}}
}

// Enclosure makes Proxmox VE containers.
type Enclosure struct {
	settings Settings
	cluster  Cluster
}

// OnProxmox says whether this host is a node of Proxmox VE.
func OnProxmox() bool {
	if _, err := exec.LookPath("pct"); err != nil {
		return false
	}
	_, err := os.Stat(defaultCluster + "/.vmlist")
	return err == nil
}

// find finds pct at the path of the configuration, or with "" on PATH.
func find(path string) (string, error) {
	if path == "" {
		path = "pct"
	}
	return backends.FindTool(path, adviceNoPct)
}

// Name is "pct".
func (*Enclosure) Name() string { return "pct" }

// Usable wants pct and the cluster file system.
func (e *Enclosure) Usable() error {
	if _, err := find(e.settings.Path); err != nil {
		return fmt.Errorf("the pct backend needs a node of Proxmox VE: %w", err)
	}
	if _, err := e.cluster.IDs(); err != nil {
		return fmt.Errorf("the pct backend needs a node of Proxmox VE: %w", err)
	}
	return cgroup.CheckUnified()
}

// Check refuses what cannot be said to pct.
func (e *Enclosure) Check(s *specs.Spec) spec.Problems {
	ps := append(checkAnnotations(s), e.settings.Network.check(s)...)
	ps = append(ps, checkLXCFS(s)...)
	if s.Root != nil && !plain(s.Root.Path) {
		ps = append(ps, spec.Problem{Path: "root.path", Level: spec.Error, Message: notPlain(s.Root.Path)})
	}
	return ps
}

// plain says whether Proxmox VE takes a path for a volume: a comma would end it
// (pct(1), --rootfs).
func plain(path string) bool { return !strings.ContainsAny(path, ", \t\n\r\"'=;") }

func notPlain(path string) string {
	return fmt.Sprintf("%q: with Proxmox VE the path must be without spaces, quotes and , = ;", path)
}

// HostTree is false: Proxmox VE has LXC pivot to the rootfs.
func (*Enclosure) HostTree() bool { return false }

func (e *Enclosure) client(c *backends.Container) *Client {
	return &Client{Path: e.settings.Path, Timeout: e.settings.Timeout, QuorumWait: e.settings.QuorumWait, Lock: c.Lock}
}

// Place refuses a rootfs that pct would; the VMID is chosen when it is claimed.
func (e *Enclosure) PlanCgroup(j *enclosing.Job) error {
	info, err := os.Lstat(j.Rootfs)
	if err != nil {
		return &spec.FieldError{Path: "root.path", Err: err}
	}
	if !info.IsDir() {
		return spec.Fieldf("root.path", "%s is not a directory", j.Rootfs)
	}
	if at := rootfs(j); !plain(at) {
		return spec.Fieldf("root.path", "%s", notPlain(at))
	}
	return nil
}

// Raise makes the CT and starts it.
func (e *Enclosure) StartEnclosure(ctx context.Context, j *enclosing.Job) error {
	vmid, err := e.claim(ctx, j)
	if err != nil {
		return err
	}
	opened, err := e.openCgroup(j)
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := lxc.LinkCgroup(j); err != nil {
		return err
	}
	if err := e.config(j).Write(configFile(j)); err != nil {
		return err
	}
	if err := e.cluster.Include(vmid, configFile(j)); err != nil {
		return err
	}
	j.Data.Making = false
	if err := e.client(j.Container).Start(ctx, vmid); err != nil {
		return startError(vmid, startReason(j, vmid), err)
	}
	return nil
}

// claim finds a VMID, beginning with one that comes from the container's id so
// that it keeps its number over a restart. pct create is the claim: where
// another one was faster, the next is tried.
func (e *Enclosure) claim(ctx context.Context, j *enclosing.Job) (int, error) {
	if err := e.clear(ctx, j); err != nil {
		return 0, err
	}
	used, err := e.cluster.IDs()
	if err != nil {
		return 0, err
	}
	options := e.options(j)
	if err := makeRootfs(j, options.Rootfs); err != nil {
		return 0, err
	}
	if err := makeEmptyArchive(options.Template); err != nil {
		return 0, err
	}
	for vmid := range e.free(j.Container, used) {
		if err := lxcsocket.CheckFree(strconv.Itoa(vmid)); err != nil {
			logrus.Warnf("VMID %d is passed over: %v", vmid, err) // Proxmox VE takes it for a running CT
			continue
		}
		if err := e.take(j, vmid); err != nil {
			return 0, err
		}
		options.VMID = vmid
		err := e.client(j.Container).Create(ctx, options)
		if err == nil {
			return vmid, nil
		}
		if !errors.Is(err, ErrExists) {
			return 0, err
		}
	}
	j.Data.Name, j.Data.Making = "", false
	return 0, e.errNoVMID()
}

// options are those of pct create, but for the VMID.
func (e *Enclosure) options(j *enclosing.Job) *CreateOptions {
	o := describe(j, &e.settings)
	o.Rootfs, o.Template = rootfs(j), emptyArchive(j.Root)
	return o
}

// free goes through the VMIDs that are not used, in the order in which they are
// to be tried.
func (e *Enclosure) free(c *backends.Container, used map[int]bool) iter.Seq[int] {
	count := e.settings.LastVMID - e.settings.FirstVMID + 1
	first := int(hash(c) % uint32(count))
	return func(yield func(int) bool) {
		for i := range count {
			if vmid := e.settings.FirstVMID + (first+i)%count; !used[vmid] && !yield(vmid) {
				return
			}
		}
	}
}

func (e *Enclosure) errNoVMID() error {
	return fmt.Errorf("no VMID is free from %d to %d: widen the range, or remove CTs", e.settings.FirstVMID, e.settings.LastVMID)
}

func hash(c *backends.Container) uint32 {
	h := fnv.New32a()
	h.Write([]byte(c.Root + "/" + c.ID))
	return h.Sum32()
}

// clear removes a CT of a container of this id that is still there although its
// record is not: the host has been restarted. One that cannot be removed now is left for
// doctor to name: this container gets another VMID.
func (e *Enclosure) clear(ctx context.Context, j *enclosing.Job) error {
	used, err := e.cluster.IDs()
	if err != nil {
		return err
	}
	for vmid := range used {
		if !e.inRange(vmid) {
			continue
		}
		ct, err := e.cluster.Read(vmid)
		if err != nil {
			return err
		}
		if ct.judge(j.Container, unclaimed) != own || recorded(j.Container, vmid) != unclaimed {
			continue // the latter is of a record that was set aside
		}
		if err := e.destroy(ctx, j.Container, vmid, unclaimed); err != nil {
			err = fmt.Errorf("remove CT %d, which an earlier container %s has left: %w", vmid, j.ID, err)
			if ctx.Err() != nil || !passes(err) {
				return err
			}
			logrus.Warn(err)
		}
	}
	return nil
}

// passes says that an error is about one CT, and not about the node.
func passes(err error) bool {
	for _, about := range []error{ErrLocked, ErrProtected, ErrBusy, ErrVolume, ErrRunning, errAnother} {
		if errors.Is(err, about) {
			return true
		}
	}
	return false
}
