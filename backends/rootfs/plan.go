package rootfs

// None is the index that stands for "no descriptor" in a [Plan].
const None = -1

// Plan lists what the init process has to do in the container. It is plain data that can be encoded
// as JSON. An index in a Plan is an index into the slice of files that [Open] returns with it.
type Plan struct {
	Root                 int               // index of the root's mount tree
	SharedMountNamespace bool              // the container has no mount namespace of its own
	RootReadonly         bool              // root.readonly
	RootPropagation      uint64            // MS_* flags to set after the pivot; 0: none
	Mounts               []Mount           // in the config's order
	SetupDev             bool              // populate /dev, as no bind mount covers it
	Devices              []Device          // the default devices and linux.devices
	MaskedPaths          []string          // linux.maskedPaths
	ReadonlyPaths        []string          // linux.readonlyPaths
	Sysctls              map[string]string // values by path below /proc/sys
	MountLabel           string            // linux.mountLabel
	Cwd                  string            // process.cwd, created if missing
}

// Mount is one entry of the config's mounts.
type Mount struct {
	Index       int      // index in the config's mounts
	Destination string   // as the config writes it
	Type        string   // file system type, or "bind"
	Source      string   // what mountinfo shows for a new file system; else for errors only
	Tree        int      // index of a detached mount made on the host, or None
	Options     []Param  // parameters of a new file system
	Attr        uint64   // MOUNT_ATTR_* flags of a new mount
	LateRO      bool     // make it read-only in Finish, after the last write to it
	Propagation []uint64 // MS_* flags, applied one after another
	RecSet      uint64   // MOUNT_ATTR_* flags to set on the whole tree
	RecClear    uint64   // MOUNT_ATTR_* flags to clear on the whole tree
	CopyUp      bool     // tmpcopyup
	Symlink     string   // copy-symlink: make a symlink with this target instead
	Inside      *Inside  // the source of a bind mount that earlier mounts decide; else nil
	NoFollow    bool     // dest-nofollow: do not follow the last component
}

// Inside is the source of a bind mount that lies in the container's root and in a mount that the
// config lists earlier. It is looked up inside the root when its turn comes.
type Inside struct {
	Path     string // from the root
	NoFollow bool   // src-nofollow: do not follow the last component
	Flags    uint64 // MS_* flags of the options; MS_REC copies what is mounted below, too
	Cleared  uint64 // MS_* flags that the options take away
}

// Param is one parameter of a new file system. A parameter with Flag set has no value.
type Param struct {
	Key   string
	Value string
	Flag  bool
}

// Device is one device node.
type Device struct {
	From         string // JSON path; empty for a default device
	Path         string // inside the container
	Mode         uint32 // type and permission bits, as in stat(2)
	Major, Minor uint32
	UID, GID     uint32
	Tree         int  // index of the host's node as a detached mount, or None
	Bind         bool // bind the host's node, as mknod is not possible
}
