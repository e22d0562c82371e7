package rootfs

// None is the index that says "no descriptor" in a [Plan].
const None = -1

// Plan is what the container's side has to do, as plain data that survives JSON. Descriptors are
// named by their index in the slice that [Open] returns beside it.
type Plan struct {
	Root                 int               // the root's tree of mounts
	SharedMountNamespace bool              // the mount namespace is not the container's own
	RootReadonly         bool              // root.readonly
	RootPropagation      uint64            // MS_* flags of linux.rootfsPropagation that are due after the pivot; 0 for none
	Mounts               []Mount           // in the config's order
	SetupDev             bool              // populate /dev: no bind mount covers it
	Devices              []Device          // the default devices and linux.devices
	MaskedPaths          []string          // linux.maskedPaths
	ReadonlyPaths        []string          // linux.readonlyPaths
	Sysctls              map[string]string // path below /proc/sys to value
	MountLabel           string            // linux.mountLabel
	Cwd                  string            // process.cwd, created when it is missing
}

// Mount is one mount of the config.
type Mount struct {
	Index       int      // its place in the config's mounts
	Destination string   // as in the config
	Type        string   // the file system's type, or "bind"
	Source      string   // for a new file system: what mountinfo shows; otherwise for messages alone
	Tree        int      // the detached mount that was made on the host, or None
	Options     []Param  // parameters of a new file system
	Attr        uint64   // MOUNT_ATTR_* flags of a new mount
	LateRO      bool     // becomes read-only at the end, when nothing has to be written into it any more
	Propagation []uint64 // MS_* flags, each applied in turn
	RecSet      uint64   // MOUNT_ATTR_* flags to set on the whole tree
	RecClear    uint64   // MOUNT_ATTR_* flags to clear on the whole tree
	CopyUp      bool     // tmpcopyup
	Symlink     string   // copy-symlink: make a symbolic link with this target instead
	NoFollow    bool     // dest-nofollow: the destination's last component is not followed
}

// Param is one parameter of a new file system. Flag parameters have no value.
type Param struct {
	Key   string
	Value string
	Flag  bool
}

// Device is one device node.
type Device struct {
	From         string // its JSON path; none of a default device
	Path         string // inside the container
	Mode         uint32 // type and permission bits, as in stat(2)
	Major, Minor uint32
	UID, GID     uint32
	Tree         int  // the host's node as a detached mount, or None
	Bind         bool // a node cannot be made here: bind the host's
}

// Refusal is a field of the config that this package cannot honour.
type Refusal struct {
	Path   string // JSON path of the field, such as mounts[3].options
	Reason string
}
