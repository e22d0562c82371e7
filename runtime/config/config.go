// Package config reads the administrator's configuration, a TOML file with the settings of the
// backends and the rules that choose a container's backend.
package config

// File is the path of the configuration, unless --config names another file. It need not exist.
const File = "/etc/berth/config.toml"

// Config is the content of the file. A setting with its zero value is left to the backend.
type Config struct {
	// Default is the backend of containers for which nothing else chooses one. If it is empty, that
	// is the best backend of the host.
	Default string `toml:"default" comment:"backend of containers for which nothing else chooses one"`
	// Annotation is the key of the annotation with which a container asks for a backend. If it is
	// empty, a container cannot ask.
	Annotation string `toml:"annotation" comment:"annotation with which a container can choose its backend; empty: none"`

	LXC  LXC  `toml:"lxc"`
	Pct  Pct  `toml:"pct"`
	Crun Crun `toml:"crun"`
	Runc Crun `toml:"runc"`

	// Rules are tried in order; the first one that matches decides.
	Rules []Rule `toml:"rule,omitempty"`
}

// DefaultAnnotation is the default key of the annotation with which a container asks for a backend.
const DefaultAnnotation = "io.github.berth-oci.backend"

// LXC are the settings of the lxc backend.
type LXC struct {
	// Path is the directory of LXC's programs. If it is empty, they are on PATH.
	Path string `toml:"path" comment:"directory of LXC's programs; empty: on PATH"`
}

// Pct are the settings of the pct backend.
type Pct struct {
	// Path is the pct program. If it is empty, pct is on PATH.
	Path string `toml:"path" comment:"the pct program; empty: on PATH"`
	// VMIDs is the range of VMIDs for berth's containers.
	VMIDs VMIDs `toml:"vmid-range" comment:"range of the VMIDs of berth's containers: [first, last]"`
	// Pool is the resource pool of the containers. Tags are added to them.
	Pool string   `toml:"pool" comment:"resource pool of the containers"`
	Tags []string `toml:"tags,omitempty" comment:"additional tags of the containers"`
	// Storage is passed to pct create for volumes. A container's root is a directory and takes no
	// space there.
	Storage string `toml:"storage" comment:"storage for volumes of the containers; empty: Proxmox VE's default"`
	// LXCFS shows containers their own limits in /proc, with the files of LXCFS.
	LXCFS bool `toml:"lxcfs" comment:"true: containers see their own limits in /proc/meminfo and other files; per container: annotation io.github.berth-oci.pct.lxcfs"`
	// Lines are added to the LXC configuration of each container.
	Lines []string `toml:"lxc-lines,omitempty" comment:"additional lines in the LXC configuration of each container"`
	// CgroupsPath puts a container into the cgroup that its config.json names.
	CgroupsPath bool `toml:"cgroups-path" comment:"true: containers are in the cgroup that the engine sets, so that a pod's limits apply; false: in lxc/VMID"`
	// Timeout is how long a call of pct may take, in seconds. 0 means the backend's own limit.
	Timeout int `toml:"timeout" comment:"seconds that a call of pct may take; 0: berth's default"`
	// QuorumWait is how long to wait for the cluster's quorum, in seconds.
	QuorumWait int `toml:"quorum-wait" comment:"seconds to wait for the cluster's quorum; 0: fail at once"`
	// Network is the network device of a container that asks for one.
	Network Network `toml:"network"`
}

// Network is the network device of a container that asks Proxmox VE for one with the annotation
// io.github.berth-oci.pct.net=bridge (pct(1), --net0).
type Network struct {
	Bridge string `toml:"bridge" comment:"bridge for containers that ask for one; empty: they cannot"`
	// Tag is the number of the VLAN. 0 means none.
	Tag      int    `toml:"tag" comment:"VLAN; 0: none"`
	IP       string `toml:"ip" comment:"ADDRESS/PREFIX, dhcp, manual or empty; per container: annotation io.github.berth-oci.pct.ip"`
	Gateway  string `toml:"gateway"`
	IP6      string `toml:"ip6" comment:"ADDRESS/PREFIX, dhcp, manual or empty"`
	Gateway6 string `toml:"gateway6"`
	Firewall bool   `toml:"firewall" comment:"true: use the Proxmox VE firewall"`
	// Rate is in MB/s. 0 means no limit.
	Rate float64 `toml:"rate" comment:"limit in MB/s; 0: none"`
}

// VMIDs is a range [first, last], both included. nil leaves it to the backend.
type VMIDs []int

// First returns the lower end of the range, or 0 if it is not set.
func (v VMIDs) First() int {
	if len(v) != 2 {
		return 0
	}
	return v[0]
}

// Last returns the upper end of the range, or 0 if it is not set.
func (v VMIDs) Last() int {
	if len(v) != 2 {
		return 0
	}
	return v[1]
}

// Crun are the settings of a backend that stands for another OCI runtime.
type Crun struct {
	// Runtime is the other runtime's path, or its name on PATH.
	Runtime string `toml:"runtime" comment:"path of the runtime, or its name on PATH"`
}

// Default returns the configuration that applies without a file.
func Default() *Config { return &Config{Annotation: DefaultAnnotation} }
