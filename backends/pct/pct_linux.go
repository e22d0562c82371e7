// Package pct is the backend that runs a container as a Proxmox VE container (CT). pct(1) creates,
// starts and destroys the CT. The CT's configuration includes an LXC configuration that berth
// writes.
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
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/lxcconf"
	"github.com/berth-oci/berth/backends/lxcsocket"
	"github.com/berth-oci/berth/spec"
)

// Settings are the administrator's choices, from the section pct of the configuration.
type Settings struct {
	// Path is the path of pct. If it is empty, pct is looked up in PATH.
	Path string
	// FirstVMID and LastVMID are the range of VMIDs for berth's CTs, both included. If both are 0,
	// the range is DefaultFirstVMID to DefaultLastVMID.
	FirstVMID, LastVMID int
	// Pool is the resource pool of the CTs. Tags are added to each CT's tags.
	Pool string
	Tags []string
	// Storage holds the CT's volumes; the root is not one of them. If it is empty, Proxmox VE uses
	// its default.
	Storage string
	// Network configures the network device of containers that ask for one with NetAnnotation.
	Network Network
	// LXCFS shows containers their own limits in /proc. LXCFSAnnotation overrides it.
	LXCFS bool
	// Lines are added to the LXC configuration of each container.
	Lines []string
	// CgroupsPath puts a container into the cgroup that linux.cgroupsPath names. If it is false, or
	// if config.json names no cgroup, the container is in Proxmox VE's lxc/VMID.
	CgroupsPath bool
	// Timeout limits each call of pct. If it is 0, the limit is defaultTimeout.
	Timeout time.Duration
	// QuorumWait is how long to wait for quorum; 0 means not at all.
	QuorumWait time.Duration
	// ClusterDir is /etc/pve except in tests.
	ClusterDir string
}

// Defaults of Settings.
const (
	DefaultFirstVMID = 900000
	DefaultLastVMID  = 999999
	defaultCluster   = "/etc/pve"
)

// New returns the pct backend.
func New(s Settings) backends.Backend {
	if s.FirstVMID == 0 && s.LastVMID == 0 {
		s.FirstVMID, s.LastVMID = DefaultFirstVMID, DefaultLastVMID
	}
	if s.ClusterDir == "" {
		s.ClusterDir = defaultCluster
	}
	return enclosing.New(&Enclosure{settings: s, cluster: Cluster{Dir: s.ClusterDir}})
}

// Enclosure implements enclosure.Tool with Proxmox VE containers.
type Enclosure struct {
	settings Settings
	cluster  Cluster
}

// OnProxmox reports whether this host is a Proxmox VE node: pct is in PATH, and the cluster file
// system is mounted.
func OnProxmox() bool {
	if _, err := exec.LookPath("pct"); err != nil {
		return false
	}
	_, err := os.Stat(defaultCluster + "/.vmlist")
	return err == nil
}

// find returns the path of the pct executable: path, or pct in PATH if path is empty.
func find(path string) (string, error) {
	if path == "" {
		path = "pct"
	}
	return backends.FindTool(path, adviceNoPct)
}

// Name returns "pct".
func (*Enclosure) Name() string { return "pct" }

// Usable fails if pct or the cluster file system is missing, or if the host does not use cgroup v2
// alone.
func (e *Enclosure) Usable() error {
	if _, err := find(e.settings.Path); err != nil {
		return fmt.Errorf("the pct backend needs a node of Proxmox VE: %w", err)
	}
	if _, err := e.cluster.IDs(); err != nil {
		return fmt.Errorf("the pct backend needs a node of Proxmox VE: %w", err)
	}
	return cgroup.CheckUnified()
}

// Check returns a problem for each field of config.json that pct cannot express: unknown or bad
// annotations, and a root.path with characters that Proxmox VE does not accept.
func (e *Enclosure) Check(s *specs.Spec) spec.Problems {
	ps := append(checkAnnotations(s), e.settings.Network.check(s)...)
	ps = append(ps, checkLXCFS(s)...)
	if s.Root != nil && !plain(s.Root.Path) {
		ps = append(ps, spec.Problem{Path: "root.path", Level: spec.Error, Message: notPlain(s.Root.Path)})
	}
	return ps
}

// plain reports whether Proxmox VE accepts path as a volume. A comma would end it (pct(1),
// --rootfs).
func plain(path string) bool { return !strings.ContainsAny(path, ", \t\n\r\"'=;") }

func notPlain(path string) string {
	return fmt.Sprintf("%q: with Proxmox VE the path must be without spaces, quotes and , = ;", path)
}

// HostTree returns false: Proxmox VE makes LXC pivot to the rootfs.
func (*Enclosure) HostTree() bool { return false }

func (e *Enclosure) client(c *backends.Container) *Client {
	return &Client{Path: e.settings.Path, Timeout: e.settings.Timeout, QuorumWait: e.settings.QuorumWait, Lock: c.Lock}
}

// PlanCgroup fails if pct would refuse the rootfs. It plans no cgroup, because the cgroup depends
// on the VMID, which claim chooses.
func (e *Enclosure) PlanCgroup(j *enclosure.Job) error {
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

// StartEnclosure creates the CT, adds berth's LXC configuration to it, and starts it. It returns
// when pct start has ended.
func (e *Enclosure) StartEnclosure(ctx context.Context, j *enclosure.Job) error {
	vmid, err := e.claim(ctx, j)
	if err != nil {
		return err
	}
	opened, err := e.openCgroup(j)
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := lxcconf.LinkCgroup(j); err != nil {
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
		return e.startError(j, startReason(j, vmid), err)
	}
	return nil
}

// claim creates the CT and returns its VMID. The first VMID to try is derived from the container's
// id, so the container keeps its number over a restart. pct create is the claim: if it fails
// because the VMID is in use by now (ErrExists), claim tries the next one.
func (e *Enclosure) claim(ctx context.Context, j *enclosure.Job) (int, error) {
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
			logrus.Warnf("VMID %d is passed over: %v", vmid, err) // Proxmox VE would take the listener for a running CT
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

// options returns the options of pct create, without the VMID.
func (e *Enclosure) options(j *enclosure.Job) *CreateOptions {
	o := describe(j, &e.settings)
	o.Rootfs, o.Template = rootfs(j), emptyArchive(j.Root)
	return o
}

// free iterates over the VMIDs of the range that are not in used, in the order in which claim tries
// them.
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
	return fmt.Errorf("no VMID is free from %d to %d: widen pct.vmid-range of berth's configuration, or remove CTs", e.settings.FirstVMID, e.settings.LastVMID)
}

func hash(c *backends.Container) uint32 {
	h := fnv.New32a()
	h.Write([]byte(c.Root + "/" + c.ID))
	return h.Sum32()
}

// clear destroys a CT of this container that still exists although its record is gone, because the
// host was restarted. A CT that cannot be destroyed now stays, and doctor reports it: the container
// gets another VMID.
func (e *Enclosure) clear(ctx context.Context, j *enclosure.Job) error {
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
			continue // a record that was set aside still names the CT
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

// passes reports whether an error concerns one CT only, and not the node.
func passes(err error) bool {
	for _, about := range []error{ErrLocked, ErrProtected, ErrBusy, ErrVolume, ErrRunning, errAnother} {
		if errors.Is(err, about) {
			return true
		}
	}
	return false
}
