package pct

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-oci/berth/spec"
)

// CreateOptions are the options of pct create that berth uses. Memory and Swap are in MiB, CPULimit
// is in CPUs.
type CreateOptions struct {
	VMID int
	// Template is the archive to unpack. berth uses an empty one, because the rootfs exists
	// already.
	Template string
	Rootfs   string
	Hostname string
	// HostnameFrom is the JSON path of the field that Hostname comes from; "" if from none.
	HostnameFrom string
	Description  string
	Tags         []string
	Arch         string
	Pool         string
	// Storage holds the CT's volumes; the root is not one of them.
	Storage string
	// Net0 is the first network device; "" if the CT has none.
	Net0     string
	Memory   int64
	Swap     int64
	CPULimit float64
	// CPUUnits is the CPU weight (cgroup v2); 0 means Proxmox VE's default.
	CPUUnits uint64
	// Unprivileged containers are in a user namespace with an ID map that Proxmox VE chooses. berth
	// leaves it false and writes the ID map of config.json into LXC's configuration instead.
	Unprivileged bool
}

// option is a command-line option.
type option struct {
	name, value string
	// from is the JSON path of the field that the value comes from; "" if from none.
	from string
}

func (o *CreateOptions) options() []option {
	list := []option{
		{"--rootfs", o.Rootfs, "root.path"},
		// With any other type Proxmox VE edits files in the image.
		{"--ostype", "unmanaged", ""},
		{"--unprivileged", boolArg(o.Unprivileged), ""},
		{"--arch", o.Arch, ""},
		{"--hostname", o.Hostname, o.HostnameFrom},
		{"--description", o.Description, ""},
		{"--memory", strconv.FormatInt(o.Memory, 10), "linux.resources.memory.limit"},
		{"--swap", strconv.FormatInt(o.Swap, 10), "linux.resources.memory.swap"},
		// The console in the web interface opens a shell, because there is no getty.
		{"--cmode", "shell", ""},
	}
	if len(o.Tags) > 0 {
		list = append(list, option{"--tags", strings.Join(o.Tags, ";"), ""})
	}
	if o.Pool != "" {
		list = append(list, option{"--pool", o.Pool, ""})
	}
	if o.Storage != "" {
		list = append(list, option{"--storage", o.Storage, ""})
	}
	if o.Net0 != "" {
		list = append(list, option{"--net0", o.Net0, "annotations"})
	}
	if o.CPULimit > 0 {
		list = append(list, option{"--cpulimit", strconv.FormatFloat(o.CPULimit, 'f', -1, 64), "linux.resources.cpu.quota"})
	}
	if o.CPUUnits > 0 {
		list = append(list, option{"--cpuunits", strconv.FormatUint(o.CPUUnits, 10), "linux.resources.cpu.shares"})
	}
	return list
}

func (o *CreateOptions) args() []string {
	args := []string{"create", vmidArg(o.VMID), o.Template}
	for _, opt := range o.options() {
		args = append(args, opt.name, opt.value)
	}
	return args
}

// blame adds to an error of pct create the field of config.json that the refused option comes from.
func (o *CreateOptions) blame(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	refused := e.Parameters
	if e.Cause == ErrRootfs {
		refused = []string{"rootfs"}
	}
	for _, opt := range o.options() {
		if opt.from != "" && slices.Contains(refused, strings.TrimPrefix(opt.name, "--")) {
			return &spec.FieldError{Path: opt.from, Err: err}
		}
	}
	return err
}

func startArgs(vmid int) []string { return []string{"start", vmidArg(vmid)} }

// SetOptions are the options of pct set that berth uses, in the units of CreateOptions. A nil
// option stays unchanged.
type SetOptions struct {
	VMID         int
	Memory, Swap *int64
	CPULimit     *float64
	CPUUnits     *uint64
}

func (o *SetOptions) args() []string {
	args := []string{"set", vmidArg(o.VMID)}
	if o.Memory != nil {
		args = append(args, "--memory", strconv.FormatInt(*o.Memory, 10))
	}
	if o.Swap != nil {
		args = append(args, "--swap", strconv.FormatInt(*o.Swap, 10))
	}
	if o.CPULimit != nil {
		args = append(args, "--cpulimit", strconv.FormatFloat(*o.CPULimit, 'f', -1, 64))
	}
	if o.CPUUnits != nil {
		args = append(args, "--cpuunits", strconv.FormatUint(*o.CPUUnits, 10))
	}
	return args
}

// empty reports whether there is nothing to change.
func (o *SetOptions) empty() bool {
	return o.Memory == nil && o.Swap == nil && o.CPULimit == nil && o.CPUUnits == nil
}

func vmidArg(vmid int) string { return strconv.Itoa(vmid) }

func boolArg(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
