// Package config is the administrator's configuration: a TOML file that says
// what the backends are given, and which backend a container gets.
package config

// File is where the configuration is, unless --config names another. It need
// not be there.
const File = "/etc/berth/config.toml"

// Config is the content of the file. The zero value of a setting leaves it to
// the backend.
type Config struct {
	// Default is the backend of containers that nothing else decides on; empty
	// for the best one that the host has.
	Default string `toml:"default" comment:"backend of containers that nothing else decides on"`
	// Annotation is the key of the annotation by which a container asks for a
	// backend. Empty: a container cannot ask.
	Annotation string `toml:"annotation" comment:"annotation by which a container asks for a backend; empty: none"`

	LXC  LXC  `toml:"lxc"`
	Pct  Pct  `toml:"pct"`
	Crun Crun `toml:"crun"`
	Runc Crun `toml:"runc"`

	// Rules are asked in their order; the first that matches decides.
	Rules []Rule `toml:"rule,omitempty"`
}

// DefaultAnnotation is the annotation by which a container asks for a backend.
const DefaultAnnotation = "io.github.berth-oci.backend"

// LXC are the settings of the lxc backend.
type LXC struct {
	// Path is the directory of LXC's programs; empty: they are on PATH.
	Path string `toml:"path" comment:"directory of LXC's programs; empty: on PATH"`
}

// Pct are the settings of the pct backend.
type Pct struct {
	// Path is the pct program; empty: it is on PATH.
	Path string `toml:"path" comment:"the pct program; empty: on PATH"`
	// VMIDs is the range for berth's containers.
	VMIDs VMIDs `toml:"vmid-range" comment:"range of the VMIDs of berth's containers, as [first, last]"`
	// Pool takes the containers, Tags are added to them.
	Pool string   `toml:"pool" comment:"resource pool that the containers are in"`
	Tags []string `toml:"tags,omitempty" comment:"tags that the containers bear"`
	// Timeout bounds each call of pct, in seconds; 0: the backend's own.
	Timeout int `toml:"timeout" comment:"seconds that a call of pct may take; 0: berth's own bound"`
}

// VMIDs is a range, both ends included; nil leaves it to the backend.
type VMIDs []int

// First is the lower end, 0 if unset.
func (v VMIDs) First() int {
	if len(v) != 2 {
		return 0
	}
	return v[0]
}

// Last is the upper end, 0 if unset.
func (v VMIDs) Last() int {
	if len(v) != 2 {
		return 0
	}
	return v[1]
}

// Crun are the settings of a backend that delegates to another OCI runtime.
type Crun struct {
	// Runtime is the other runtime's path, or its name on PATH.
	Runtime string `toml:"runtime" comment:"path of the runtime, or its name on PATH"`
}

// Default is the configuration where there is no file.
func Default() *Config { return &Config{Annotation: DefaultAnnotation} }
