package process

// Basics are the attributes that a process has on every POSIX platform.
type Basics struct {
	Args []string `json:"args"`
	// Env has no duplicates. If it has no HOME, Environment adds one from the container's
	// /etc/passwd.
	Env []string `json:"env,omitempty"`
	Cwd string   `json:"cwd"`
	// ListenFDs is the number of sockets from descriptor 3 on that LISTEN_FDS announces
	// (sd_listen_fds(3)). FromSpec leaves it 0, because it comes from the command line.
	ListenFDs int `json:"listenFDs,omitempty"`

	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Groups []uint32 `json:"groups,omitempty"`
	// Umask is 0022 if the spec has none.
	Umask uint32 `json:"umask"`
}
