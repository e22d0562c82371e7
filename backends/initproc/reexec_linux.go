package initproc

const (
	// processName is the init process's name until it execs.
	processName = "berth-init"
	// socketVar carries the number of the socket's descriptor to the init process.
	socketVar = "_BERTH_INIT_SOCKET"
)

// execVar tells a re-executed berth to be the helper of Exec.
const execVar = "_BERTH_INIT_EXEC"

// forkVar tells a process that has just joined a namespace to fork the init process as its sibling.
// Its value is the needed part of a Config, in JSON.
const forkVar = "_BERTH_INIT_FORK"
